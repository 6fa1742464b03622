using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A long round, of the category Soak: many crashes, many cuts, a million files, a contract on one more server. It runs where
/// everything has to (<c>CI=true</c>) and, with the most rounds, where DYNAMO_TEST_SOAK is 1; elsewhere it is skipped, and says so.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class SoakAttribute : NUnitAttribute, IApplyToTest
{
    private const string Reason = "a long round; DYNAMO_TEST_SOAK=1 runs it";

    /// <summary>Skips the rest of a test that is a long round with some arguments only.</summary>
    public static void Require(bool byHand = false)
    {
        if (byHand ? !IsAskedFor : !IsWanted) Assert.Ignore(Reason);
    }

    /// <summary>Whether it runs only where somebody asks for the long rounds: others of its kind run in CI.</summary>
    public bool ByHand { get; set; }

    public void ApplyToTest(Test test)
    {
        test.Properties.Add(PropertyNames.Category, "Soak");
        if ((ByHand ? IsAskedFor : IsWanted) || test.RunState != RunState.Runnable) return;
        test.RunState = RunState.Ignored;
        test.Properties.Set(PropertyNames.SkipReason, Reason);
    }

    /// <summary>Whether long rounds run.</summary>
    public static bool IsWanted => IsAskedFor || Environment.GetEnvironmentVariable("CI") == "true";

    private static bool IsAskedFor => Environment.GetEnvironmentVariable("DYNAMO_TEST_SOAK") == "1";

    /// <summary>How often a test does the same at random.</summary>
    /// <param name="few">In every run of the tests.</param>
    /// <param name="some">Where everything has to run.</param>
    /// <param name="many">Where somebody asks for the long rounds.</param>
    public static int Rounds(int few, int some, int many) => IsAskedFor ? many : IsWanted ? some : few;
}

using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A long round, of the category Soak: many crashes, many cuts, a million files. It runs where everything has to (<c>CI=true</c>)
/// and where DYNAMO_TEST_SOAK is 1;
/// elsewhere it is skipped, and says so.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class SoakAttribute : NUnitAttribute, IApplyToTest
{
    public void ApplyToTest(Test test)
    {
        test.Properties.Add(PropertyNames.Category, "Soak");
        if (IsWanted || test.RunState != RunState.Runnable) return;
        test.RunState = RunState.Ignored;
        test.Properties.Set(PropertyNames.SkipReason, "a long round; DYNAMO_TEST_SOAK=1 runs it");
    }

    /// <summary>Whether long rounds run. A property tries more inputs then.</summary>
    public static bool IsWanted =>
        Environment.GetEnvironmentVariable("CI") == "true" || Environment.GetEnvironmentVariable("DYNAMO_TEST_SOAK") == "1";
}

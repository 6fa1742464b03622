using System.Globalization;
using System.Text;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Dynamo.Pipeline.Tests;

/// <summary>Says at the end of every run what was skipped and why: the console of <c>dotnet test</c> shows only the names.</summary>
[SetUpFixture]
internal sealed class SkippedTests
{
    private const int MostNames = 4;

    private const string OfItsFixture = "OneTimeSetUp: ";

    [OneTimeTearDown]
    public void Tell()
    {
        ITestResult[] skipped = [
            .. Tests(TestExecutionContext.CurrentContext.CurrentResult).Where(result => result.ResultState.Status == TestStatus.Skipped)];
        if (skipped.Length == 0) return;
        var text = new StringBuilder($"{skipped.Length} skipped:\n");
        foreach (IGrouping<string, ITestResult> reason in skipped.GroupBy(Reason).OrderByDescending(reason => reason.Count()))
        {
            text.Append(CultureInfo.InvariantCulture, $"  {reason.Key}\n");
            foreach (IGrouping<string?, ITestResult> fixture in reason.GroupBy(test => test.Test.ClassName?.Split('.')[^1]))
            {
                string[] names = [.. fixture.Select(test => test.Name)];
                text.Append(CultureInfo.InvariantCulture, $"    {fixture.Key}: ");
                text.Append(names.Length > MostNames ? $"{names.Length} tests\n" : string.Join(", ", names) + "\n");
            }
        }
        // The error stream is the one that is shown.
        TestContext.Error.WriteLine(text);
    }

    private static string Reason(ITestResult test)
    {
        if (test.Message is not { Length: > 0 } why) return "no reason is given";
        return why.StartsWith(OfItsFixture, StringComparison.Ordinal) ? why[OfItsFixture.Length..] : why;
    }

    private static IEnumerable<ITestResult> Tests(ITestResult result) => result.HasChildren ? result.Children.SelectMany(Tests) : [result];
}

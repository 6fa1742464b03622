using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Tests;

/// <summary>The man page names what there is.</summary>
[TestFixture, CancelAfter(60_000)]
internal sealed partial class ManPageTests
{
    private static readonly string s_page = Repository.Read("deploy/dynamo.1");

    [Test]
    public async Task It_has_the_commands_and_exit_codes_of_the_help(CancellationToken token)
    {
        DynamoResult help = await DynamoProcess.RunAsync(["--help"], cancellationToken: token);
        string commands = help.StandardOutput.Split("Commands:")[1].Split("Examples:")[0];

        Assert.That(Terms("COMMANDS"), Is.EqualTo(Named().Matches(commands).Select(match => match.Groups[1].Value)));
        Assert.That(Terms("EXIT STATUS"), Is.EqualTo(
            Code().Matches(help.StandardOutput.Split("Exit codes:")[1]).Select(match => int.Parse(match.Groups[1].ValueSpan)).Order()
                .Select(code => $"{code}")));
    }

    [Test]
    public Task It_is_well_formed() =>
        External.RunAsync("groff", "-man", "-ww", "-z", "-Tutf8", Path.Join(Repository.Root, "deploy", "dynamo.1"));

    private static string[] Terms(string section)
    {
        string text = s_page.Split($".SH {section}\n")[1].Split(".SH ")[0];
        return [.. Term().Matches(text).Select(match => match.Groups[1].Value)];
    }

    [GeneratedRegex(@"^  (\w+)", RegexOptions.Multiline)]
    private static partial Regex Named();

    [GeneratedRegex(@"(?:^|\s{2,})(\d+) [a-z]")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\.TP\n\.B (\w+)", RegexOptions.Multiline)]
    private static partial Regex Term();
}

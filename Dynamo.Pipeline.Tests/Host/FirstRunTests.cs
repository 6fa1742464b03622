using System.Text.RegularExpressions;
using Dynamo.Pipeline.Host;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a newcomer sees, and what the program gives them to copy.</summary>
[TestFixture, CancelAfter(120_000)]
internal sealed partial class FirstRunTests
{
    private ScratchFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ScratchFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task The_demo_imports_samples_explains_them_and_touches_nothing_outside_its_folder(CancellationToken token)
    {
        DynamoResult first = await RunAsync(token, "demo");

        Assert.That(first.StandardError, Is.Empty);
        Assert.That(first.ExitCode, Is.EqualTo(1), "there are bad samples");
        const string Rejects = "\"select Path, Line, ColumnName, Problem, Found from RejectedRow order by RejectId desc limit 20\"";
        Assert.That(WithoutTimes(first.StandardOutput), Is.EqualTo($"""
            Imported dynamo-demo/inbox into dynamo-demo/readings.db in N s.

              files          200   198 loaded, 2 quarantined
              rows           684   669 new, 11 already there, 4 rejected

            2 files went into quarantine, none of their rows loaded:
              L00010_20250101T014500.csv
                line 5, column logger: a quote is never closed; DEFECT
              L00012_20250101T004500.csv
                line 1, column logger: the column 'logger' is missing; DEFECT

            1 file was loaded without its bad rows:
              L00019_20250101T001500.csv
                line 10, column value: the value is not a number; DEFECT

            Next:
              sqlite3 dynamo-demo/readings.db "select Logger, Channel, count(*), round(avg(Value), 2) from Reading group by 1, 2 limit 10"
                  looks at the readings
              sqlite3 dynamo-demo/readings.db {Rejects}
                  shows the bad rows. The rest of their files is loaded; a repaired file that is sent again brings them too
              dynamo status --config dynamo-demo/dynamo.json
                  shows what was imported, and what is in quarantine
              dynamo watch --config dynamo-demo/dynamo.json --listen 8080
                  stays, and imports what lands; http://localhost:8080 shows it
              dynamo init
                  writes the configuration for your own files
              dynamo retry --config dynamo-demo/dynamo.json
                  {NextSteps.Retry}

            """));
        Assert.That(Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName), Is.EqualTo(new[] { "dynamo-demo" }));
    }

    [Test]
    public async Task The_second_demo_has_nothing_new(CancellationToken token)
    {
        await RunAsync(token, "demo", "--to", "here");

        DynamoResult second = await RunAsync(token, "demo", "--to", "here");

        Assert.That(second.ExitCode, Is.Zero, second.StandardError);
        Assert.That(WithoutTimes(second.StandardOutput), Does.StartWith(
            "Nothing new in here/inbox: all 200 files are already in here/readings.db, 2 of them in quarantine. (N s)\n"));
    }

    [Test]
    public async Task The_demo_leaves_a_folder_of_others_alone(CancellationToken token)
    {
        File.WriteAllText(_folder["mine.txt"], "mine");

        DynamoResult refused = await RunAsync(token, "demo", "--to", ".");

        Assert.That(refused.ExitCode, Is.EqualTo(2));
        Assert.That(refused.StandardError, Does.Contain("--to: the folder . holds something else."));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "mine.txt" }));
    }

    [Test]
    public async Task Every_command_that_the_demo_names_works_when_it_is_pasted(CancellationToken token)
    {
        await External.RunAsync("sqlite3", "--version");
        DynamoResult demo = await RunAsync(token, "demo", "--to", "the first $one's");

        foreach (string line in Steps(demo.StandardOutput).Where(line => !line.EndsWith(" init", StringComparison.Ordinal)))
        {
            DynamoResult pasted = await DynamoProcess.PasteAsync(
                line.Replace("--listen 8080", "--for 1s", StringComparison.Ordinal), _folder.Path, token);
            Assert.That(pasted.ExitCode, Is.Zero, $"{line}\n{pasted.StandardError}");
        }
    }

    [Test]
    public async Task Alone_it_shows_its_help_and_the_configuration_of_the_folder(CancellationToken token)
    {
        DynamoResult alone = await RunAsync(token);
        File.WriteAllText(_folder["dynamo.json"], """{ "source": "." }""");
        DynamoResult configured = await RunAsync(token);

        Assert.That(alone.ExitCode, Is.Zero, alone.StandardError);
        Assert.That(alone.StandardOutput, Does.Contain("dynamo init").And.Contains("Exit codes:"));
        Assert.That(alone.StandardOutput, Does.Not.Contain("There is a dynamo.json"));
        Assert.That(configured.StandardOutput, Does.Contain("There is a dynamo.json in this folder."));
        Assert.That(Steps(configured.StandardOutput), Does.Contain("dynamo run --config dynamo.json"));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "dynamo.json" }), "nothing was run");
    }

    [Test, Platform("Linux")]
    public async Task On_a_terminal_it_runs_the_configuration_of_the_folder_if_it_may(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["in"]);
        File.WriteAllText(_folder["in/a.csv"], "logger,channel,timestamp,value\nL1,flow,2025-01-01T00:00:00Z,1\n");
        File.WriteAllText(_folder["dynamo.json"], """{ "source": "in", "sink": "sqlite:r.db", "settle": "0" }""");

        string screen = await OnTerminalAsync([], ["y"], token);

        Assert.That(screen, Does.Contain("Run it now? [y/N]").And.Contains("Imported in into r.db"));
    }

    [Test]
    public async Task Help_explains_a_command(CancellationToken token)
    {
        DynamoResult help = await RunAsync(token, "help", "run"), option = await RunAsync(token, "run", "--help");
        DynamoResult all = await RunAsync(token, "help");

        Assert.That(help.StandardOutput, Is.EqualTo(option.StandardOutput).And.Contains("--dry-run"));
        Assert.That(all.StandardOutput, Does.Contain("Exit codes:"));
    }

    [Test]
    public async Task The_version_says_what_a_report_of_a_fault_needs(CancellationToken token)
    {
        DynamoResult version = await RunAsync(token, "--version");

        Assert.That(version.StandardOutput.Trim(), Does.Match(
            @"^\d+\.\d+\.\d+\S* \(commit [0-9a-f]{10}, \.NET \d+\.\d+\.\d+, (portable|native), \S+-\S+\)$"));
    }

    [Test]
    public async Task Without_a_source_a_run_says_what_to_do(CancellationToken token)
    {
        DynamoResult nothing = await RunAsync(token, "run");
        File.WriteAllText(_folder["dynamo.json"], "{}");
        DynamoResult beside = await RunAsync(token, "run");

        Assert.That(nothing.ExitCode, Is.EqualTo(2));
        Assert.That(nothing.StandardError, Does.Contain("Add --source DIR").And.Contains("dynamo init").And.Contains("dynamo demo"));
        Assert.That(beside.StandardError, Does.Contain("There is a dynamo.json in this folder: add --config dynamo.json"));
    }

    [Test]
    public async Task Init_looks_at_the_files_and_writes_a_configuration_that_imports_them(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["my inbox"]);
        foreach (string logger in (string[])["N1", "N2"])
        {
            File.WriteAllText(_folder[$"my inbox/{logger}.csv"],
                $"Zeit;Messstelle;Durchfluss\n13.01.2025 00:00;{logger};1,25\n13.01.2025 00:15;{logger};1,5\n");
        }

        DynamoResult init = await RunAsync(token, "init", "--source", "my inbox", "--after", "keep", "--zone", "UTC", "--out", "c'1.json");

        Assert.That(init.StandardError, Is.Empty);
        Assert.That(init.ExitCode, Is.Zero, init.StandardOutput);
        string run = Steps(init.StandardOutput).Single(step => step.StartsWith("dynamo run", StringComparison.Ordinal));
        DynamoResult imported = await DynamoProcess.PasteAsync(run + " --settle 0", _folder.Path, token);
        Assert.That(imported.ExitCode, Is.Zero, imported.StandardError);
        Assert.That(imported.StandardOutput, Does.Contain("4 new"));
    }

    [Test]
    public async Task Init_writes_a_configuration_before_there_are_files_and_every_setting_in_it_can_be_set(CancellationToken token)
    {
        DynamoResult init = await RunAsync(token, "init", "--source", "later");

        Assert.That(init.ExitCode, Is.Zero, init.StandardError);
        Assert.That(init.StandardOutput, Does.StartWith("No look at the files: "));
        Directory.CreateDirectory(_folder["later"]);
        string text = File.ReadAllText(_folder["dynamo.json"]);
        string[] others = [.. ConfigurationFile.Others.Select(other => $"// {other.Line},")];
        Assert.That(others, Has.All.Matches<string>(other => text.Contains(other, StringComparison.Ordinal)));
        foreach (string other in others) text = text.Replace(other, other[3..], StringComparison.Ordinal);
        File.WriteAllText(_folder["all.json"], text);
        DynamoResult run = await RunAsync(token, "run", "--config", "all.json");
        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
    }

    [Test]
    public async Task What_init_is_told_is_meant_from_the_current_folder_wherever_the_configuration_is(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["etc"]);

        await RunAsync(token, "init", "--source", "later", "--sink", "sqlite:r.db", "--out", "etc/d.json");

        string written = File.ReadAllText(_folder["etc/d.json"]);
        Assert.That(written, Does.Contain($"\"source\": \"{_folder["later"]}\"").And.Contains($"\"sink\": \"sqlite:{_folder["r.db"]}\""));
    }

    [Test]
    public async Task Init_replaces_no_file_and_refuses_what_is_no_setting(CancellationToken token)
    {
        DynamoResult wrong = await RunAsync(token, "init", "--source", "in", "--after", "burn");
        DynamoResult unasked = await RunAsync(token, "init");
        File.WriteAllText(_folder["dynamo.json"], "mine");
        DynamoResult replacing = await RunAsync(token, "init", "--source", "in");

        Assert.That(wrong.ExitCode, Is.EqualTo(2));
        Assert.That(wrong.StandardError, Does.Contain("--after: found 'burn', allowed is keep, archive or delete."));
        Assert.That(unasked.StandardError, Does.Contain("--source: nothing says where the files are."));
        Assert.That(replacing.StandardError, Does.Contain("there is a file dynamo.json already"));
        Assert.That(File.ReadAllText(_folder["dynamo.json"]), Is.EqualTo("mine"));
    }

    [Test, Platform("Linux")]
    public async Task Init_asks_on_a_terminal_and_asks_again_when_the_answer_is_none(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["inbox"]);

        string screen = await OnTerminalAsync(["init"], ["", "sqlite:r.db", "burn", "delete"], token);

        Assert.That(screen, Does.Contain("Where are the files?").And.Contains("[inbox]").And.Contains("found 'burn'"));
        string written = File.ReadAllText(_folder["dynamo.json"]);
        foreach (string answer in (string[])["\"source\": \"inbox\"", "\"sink\": \"sqlite:r.db\"", "\"after\": \"delete\""])
            Assert.That(written, Does.Contain(answer));
    }

    [Test, Platform("Linux")]
    public async Task Init_asks_for_the_zone_that_the_files_do_not_tell(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["inbox"]);
        File.WriteAllText(_folder["inbox/N1.csv"], "Zeit;Messstelle;Durchfluss\n13.01.2025 00:00;N1;1,25\n13.01.2025 00:15;N1;1,5\n");

        string screen = await OnTerminalAsync(["init"], ["", "", "", "Mars/Base", "Europe/Brussels"], token);

        Assert.That(screen, Does.Contain("Which zone do the loggers' clocks have?").And.Contains("There is no zone Mars/Base."));
        Assert.That(screen, Does.Contain("2025-01-12 23:00:00Z"));
        Assert.That(File.ReadAllText(_folder["dynamo.json"]), Does.Contain("\"zone\": \"Europe/Brussels\""));
    }

    [Test]
    public async Task Init_takes_a_key_for_the_server_and_writes_it_down(CancellationToken token)
    {
        Sshd.Require();
        using var sshd = new Sshd(Directory.CreateDirectory(_folder["keys"]).FullName);
        Directory.CreateDirectory(_folder["inbox"]);
        File.WriteAllText(_folder["inbox/N1.csv"], "logger,channel,timestamp,value\nN1,flow,2026-01-01T00:00:00Z,1\n");
        var environment = new Dictionary<string, string?> { ["DYNAMO__SFTP__KNOWNHOSTSFILE"] = sshd.KnownHosts };
        string server = FormattableString.Invariant($"sftp://{Environment.UserName}@127.0.0.1:{sshd.Port}{_folder["inbox"]}");
        string key = Path.GetRelativePath(_folder.Path, sshd.UserKey);

        DynamoResult denied = await DynamoProcess.RunAsync(["init", "--source", server], _folder.Path, environment, token);
        DynamoResult init = await DynamoProcess.RunAsync(
            ["init", "--source", server, "--after", "keep", "--identity", key], _folder.Path, environment, token);
        DynamoResult run = await DynamoProcess.RunAsync(["run", "--config", "dynamo.json"], _folder.Path, environment, token);
        DynamoResult folder = await RunAsync(token, "init", "--source", "inbox", "--identity", key, "--out", "other.json");

        Assert.Multiple(() =>
        {
            Assert.That((denied.ExitCode, init.ExitCode, run.ExitCode), Is.EqualTo((3, 0, 0)), init.StandardError + run.StandardError);
            Assert.That(denied.StandardError, Does.Contain("the server denied the login"));
            Assert.That(File.ReadAllText(_folder["dynamo.json"]), Does.Contain("\"identityFile\": \"" + key + "\""));
            Assert.That(run.StandardOutput, Does.Contain("1 new"));
            Assert.That(folder.StandardError, Does.Contain("--identity: it is the key for a server"));
        });
    }

    [Test, Platform("Linux")]
    public async Task Init_asks_for_a_key_where_the_server_denies_the_login(CancellationToken token)
    {
        Sshd.Require();
        using var sshd = new Sshd(Directory.CreateDirectory(_folder["keys"]).FullName);
        Directory.CreateDirectory(_folder["inbox"]);
        File.WriteAllText(_folder["inbox/N1.csv"], "logger,channel,timestamp,value\nN1,flow,2026-01-01T00:00:00Z,1\n");
        string server = FormattableString.Invariant($"sftp://{Environment.UserName}@127.0.0.1:{sshd.Port}{_folder["inbox"]}");
        string key = Path.GetRelativePath(_folder.Path, sshd.UserKey);

        string screen = await OnTerminalAsync(
            ["init", "--source", server], ["", "", "no/such", key], token,
            $"DYNAMO__SFTP__KNOWNHOSTSFILE={sshd.KnownHosts}");

        Assert.That(screen, Does.Contain("Which private key does the server take?").And.Contain("There is no file no/such."));
        Assert.That(File.ReadAllText(_folder["dynamo.json"]), Does.Contain("\"identityFile\": \"" + key + "\""));
    }

    [Test, Platform("Linux")]
    public async Task The_completion_of_a_shell_asks_the_program(CancellationToken token)
    {
        await External.RunAsync("bash", "--version");
        File.WriteAllText(_folder["try.sh"], """
            source <(dynamo completion bash)
            try() { COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dynamo; echo "${COMPREPLY[@]}"; }
            try dynamo ret
            try dynamo run --sour
            """);

        DynamoResult result = await DynamoProcess.PasteAsync("bash try.sh", _folder.Path, token);
        DynamoResult wrong = await RunAsync(token, "completion", "bahs");

        Assert.That(result.StandardOutput, Is.EqualTo("retry\n--source\n"), result.StandardError);
        Assert.That(wrong.StandardError, Does.Contain("Did you mean bash?"));
    }

    [Test, Platform("Linux")]
    public async Task The_completion_of_zsh_completes_the_word_at_the_cursor(CancellationToken token)
    {
        await External.RunAsync("zsh", "--version");
        File.WriteAllText(_folder["try.zsh"], """
            compdef() { }
            compadd() { print -r -- $candidates }
            source <(dynamo completion zsh)
            try() { BUFFER="$1"; CURSOR=${2:-${#1}}; words=(${=BUFFER}); _dynamo }
            try "dynamo ret"
            try "dynamo run --sour"
            try "dynamo hos inbox" 10
            """);

        DynamoResult result = await DynamoProcess.PasteAsync("zsh -f try.zsh", _folder.Path, token);

        Assert.That(result.StandardOutput, Is.EqualTo("retry\n--source\nhostkey\n"), result.StandardError);
    }

    [TestCase(".", false)]
    [TestCase("..", true)]
    public async Task A_run_takes_its_own_database_and_configuration_for_no_deliveries(
        string source, bool recursive, CancellationToken token)
    {
        Directory.CreateDirectory(_folder["in"]);
        File.WriteAllText(_folder["in/a"], "logger,channel,timestamp,value\nL1,flow,2025-01-01T00:00:00Z,1\n");
        string settings = $$"""{ "source": "{{source}}", "recursive": {{(recursive ? "true" : "false")}}, "pattern": "*", "sink": """;
        File.WriteAllText(_folder["in/dynamo.json"], settings + "\"sqlite:r.db\" }");
        File.WriteAllText(_folder["elsewhere.json"], settings.Replace("\".\"", "\"in\"") + "\"sqlite:in/r.db\" }");

        DynamoResult run = await RunAsync(token, "run", "--config", "in/dynamo.json");
        DynamoResult database = await RunAsync(token, "run", "--config", "elsewhere.json", "--source", "in");

        Assert.That((run.ExitCode, database.ExitCode), Is.EqualTo((2, 2)));
        Assert.That(run.StandardError, Does.Contain("which takes in/dynamo.json, a file of the import itself, for a delivery."));
        Assert.That(database.StandardError, Does.Contain("which takes in/r.db, a file of the import itself"));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "elsewhere.json", "in/a", "in/dynamo.json" }));
    }

    [Test, Platform("Linux")]
    public async Task A_run_names_the_retry_that_works_with_its_source_and_its_configuration(CancellationToken token)
    {
        Directory.CreateDirectory(_folder["in $HOME 'box'"]);
        File.WriteAllText(_folder["in $HOME 'box'/a.csv"], "nonsense\n");
        File.WriteAllText(_folder["a b.json"], """{ "sink": "sqlite:r.db", "settle": "0", "table": { "ledger": "Own" } }""");

        DynamoResult run = await RunAsync(token, "run", "--config", "a b.json", "--source", "in $HOME 'box'");
        DynamoResult retried = await DynamoProcess.PasteAsync(Steps(run.StandardOutput).Single(), _folder.Path, token);

        Assert.That(run.ExitCode, Is.EqualTo(1), run.StandardError);
        Assert.That(retried.StandardOutput, Is.EqualTo("The next run reads again:\n  a.csv\n"), retried.StandardError);
    }

    [Test, Platform("Linux")]
    public void What_is_to_be_pasted_reaches_the_program_as_it_was() => Prop.ForAll<NonNull<string>>(text =>
    {
        string one = new([.. text.Get.Where(c => c is >= ' ' and < '\x7f')]);
        return DynamoProcess.PasteAsync($"printf '[%s]' {Pasted.Argument(one)}", "/", default).Result.StandardOutput == $"[{one}]";
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(50));

    [TestCase("sftp://me:secret@files.example.org/out", "sftp://***@files.example.org/out")]
    [TestCase("sftp://me@files.example.org/out", "sftp://me@files.example.org/out")]
    public void A_user_is_pasted_and_no_password(string source, string pasted)
    {
        HostSettings settings = HostSettings.Default with { Arguments = [("source", source)] };

        Assert.That(Pasted.Command("retry", settings), Does.EndWith($" --source {Pasted.Argument(pasted)}"));
    }

    private Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        DynamoProcess.RunAsync(arguments, _folder.Path, null, token);

    /// <summary>What is on the screen after the answers were typed.</summary>
    private async Task<string> OnTerminalAsync(
        string[] arguments, string[] answers, CancellationToken token, string environment = "")
    {
        await External.RunAsync("script", "--version");
        DynamoResult ended = await DynamoProcess.RunAsync(
            $"exec env --default-signal {environment} script -qefc \"$0 $*\" screen", arguments, async process =>
        {
            foreach (string answer in answers) await process.StandardInput.WriteAsync($"{answer}\n".AsMemory(), token);
            await process.StandardInput.FlushAsync(token);
        }, _folder.Path, token);
        return ended.StandardOutput;
    }

    /// <summary>The lines to copy: they are indented by two.</summary>
    private static string[] Steps(string output) =>
        [.. output.Split('\n').SkipWhile(line => line != "Next:" && !line.StartsWith("There is a dynamo.json", StringComparison.Ordinal))
            .Where(line => Step().IsMatch(line)).Select(line => line.Trim())];

    /// <summary>The reader's words for what it found are its own tests' business.</summary>
    private static string WithoutTimes(string text) => Found().Replace(Seconds().Replace(text, "N s"), "; DEFECT");

    [GeneratedRegex("^  (dynamo|sqlite3) ")]
    private static partial Regex Step();

    [GeneratedRegex(@"\d+(\.\d)? s\b")]
    private static partial Regex Seconds();

    [GeneratedRegex("; found '.*")]
    private static partial Regex Found();
}

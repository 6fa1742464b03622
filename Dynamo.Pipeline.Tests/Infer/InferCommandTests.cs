namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo infer</c> as it is typed: folders, servers, and the file that it writes.</summary>
[CancelAfter(60_000)]
internal sealed class InferCommandTests
{
    private const string Rows = "2026-01-01T00:00:00Z,L1,1.5\n2026-01-01T00:15:00Z,L1,1.6\n2026-01-01T00:30:00Z,L1,1.4\n";

    private DynamoFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new DynamoFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task A_folder_with_two_kinds_of_file_gets_a_configuration_that_imports_both(CancellationToken token)
    {
        _folder.PutText("flow_1.csv", "time,logger,flow\n" + Rows);
        _folder.PutText("level_1.txt", "Zeit;Station;Pegel\n01.02.2026 00:00;P7;1,25\n01.02.2026 00:15;P7;1,5\n15.02.2026 00:30;P7;1,75\n");

        DynamoResult inferred = await _folder.RunAsync(token, "infer", "inbox", "--zone", "UTC", "--out", "dynamo.json");
        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "dynamo.json", "--sink", "sqlite:r.db");

        Assert.That((inferred.StandardOutput, run.ExitCode), Is.EqualTo(("", 0)), inferred.StandardError + run.StandardError);
        Assert.That(
            Sql.Rows(
                _folder["r.db"],
                "select Logger || ' ' || Channel || ' ' || count(*) || ' ' || sum(Value) from Reading group by Logger, Channel order by 1"),
            Is.EqualTo(new[] { "L1 flow 3 4.5", "P7 Pegel 3 4.5" }));
    }

    [Test]
    public async Task A_server_is_looked_at_as_a_folder_is(CancellationToken token)
    {
        Sshd.Require();
        using var own = new ScratchFolder();
        using var sshd = new Sshd(own.Path);
        _folder.PutText("flow_1.csv", "time,logger,flow\n" + Rows);
        string[] arguments = sshd.Arguments(_folder["inbox"]);
        var environment = new Dictionary<string, string?>
        {
            ["DYNAMO__SFTP__SSHCONFIGFILE"] = Path.Combine(sshd.Folder, "ssh_config"),
            ["DYNAMO__SFTP__IDENTITYFILE"] = Path.Combine(sshd.Folder, "user_key"),
            ["DYNAMO__SFTP__KNOWNHOSTSFILE"] = Path.Combine(sshd.Folder, "known_hosts"),
        };

        DynamoResult inferred = await _folder.RunAsync(environment, token, "infer", arguments[^1], "--out", "dynamo.json");
        DynamoResult run = await _folder.RunAsync(
            environment, token, "run", "--config", "dynamo.json", "--sink", "sqlite:r.db", "--settle", "0");

        Assert.That((inferred.ExitCode, run.ExitCode), Is.EqualTo((0, 0)), inferred.StandardError + run.StandardError);
        Assert.That(Sql.Rows(_folder["r.db"], "select cast(count(*) as text) from Reading"), Is.EqualTo(new[] { "3" }));
    }

    [Test]
    public async Task The_file_is_replaced_whole_and_no_link_is_followed(CancellationToken token)
    {
        _folder.PutText("flow_1.csv", "time,logger,flow\n" + Rows);
        await File.WriteAllTextAsync(_folder["mine.json"], "{}", token);
        File.CreateSymbolicLink(_folder["link.json"], _folder["nowhere.json"]);

        DynamoResult there = await _folder.RunAsync(token, "infer", "inbox", "--out", "mine.json");
        DynamoResult link = await _folder.RunAsync(token, "infer", "inbox", "--out", "link.json");

        Assert.That((there.ExitCode, link.ExitCode), Is.EqualTo((0, 2)));
        Assert.That(await File.ReadAllTextAsync(_folder["mine.json"], token), Does.Contain("\"source\"").And.EndsWith("}\n"));
        Assert.That(File.Exists(_folder["nowhere.json"]), Is.False);
    }

    [Test]
    public async Task Files_that_are_not_understood_leave_no_configuration(CancellationToken token)
    {
        _folder.PutText("letter.txt", "Dear all,\nno data today.\n");

        DynamoResult inferred = await _folder.RunAsync(token, "infer", "inbox", "--out", "dynamo.json");

        Assert.That(inferred.ExitCode, Is.EqualTo(1));
        Assert.That(File.Exists(_folder["dynamo.json"]), Is.False);
    }

    [Test]
    public async Task The_printed_commands_work_when_pasted(CancellationToken token)
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("needs a shell of Unix");
        const string Odd = "it's \"mine\" $HOME.json";
        _folder.PutText("flow 1.csv", "time,logger,flow\n" + Rows);

        DynamoResult inferred = await _folder.RunAsync(token, "infer", "inbox", "--out", Odd);

        string[] commands = [.. inferred.StandardError.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)
            && line.Contains("--config", StringComparison.Ordinal))];
        Assert.That(commands, Has.Length.EqualTo(2));
        foreach (string command in commands)
        {
            // A shell takes the argument as one word, which is the file's name.
            using var shell = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/bin/sh")
            {
                ArgumentList = { "-c", $"printf %s {command[(command.IndexOf("--config", StringComparison.Ordinal) + 9)..]}" },
                RedirectStandardOutput = true,
            })!;
            Assert.That(await shell.StandardOutput.ReadToEndAsync(token), Is.EqualTo(Odd));
            await shell.WaitForExitAsync(token);
        }
        Assert.That((await _folder.RunAsync(token, "run", "--config", Odd, "--settle", "0")).ExitCode, Is.Zero);
    }

    [Test]
    public async Task Files_without_an_extension_do_not_take_the_configuration_along(CancellationToken token)
    {
        _folder.PutText("station4711", "time,logger,flow\n" + Rows);

        await _folder.RunAsync(token, "infer", "inbox", "--out", "inbox/dynamo.json");
        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "inbox/dynamo.json", "--settle", "0");
        DynamoResult again = await _folder.RunAsync(token, "run", "--config", "inbox/dynamo.json", "--settle", "0");

        Assert.That((run.ExitCode, again.ExitCode), Is.EqualTo((0, 0)), run.StandardError + again.StandardError);
        Assert.That(File.Exists(_folder["inbox/readings.db"]));
    }

    [Test]
    public async Task An_empty_configuration_says_where_it_may_come_from(CancellationToken token)
    {
        await File.WriteAllTextAsync(_folder["empty.json"], "", token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "empty.json");

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.StandardError, Does.Contain("the file is empty").And.Contain("dynamo infer"));
    }

    [Test]
    public async Task The_file_that_a_shell_sends_stdout_to_is_named(CancellationToken token)
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("only Linux says where stdout goes");
        _folder.PutText("flow_1.csv", "time,logger,flow\n" + Rows);
        string program = Path.Combine(AppContext.BaseDirectory, "dynamo.dll");
        using var shell = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/bin/sh")
        {
            ArgumentList = { "-c", $"dotnet '{program}' infer inbox > 'my own.json'" },
            WorkingDirectory = _folder[""],
            RedirectStandardError = true,
        })!;
        string said = await shell.StandardError.ReadToEndAsync(token);
        await shell.WaitForExitAsync(token);

        DynamoResult run = await _folder.RunAsync(token, "run", "--config", "my own.json", "--settle", "0");

        Assert.That(said, Does.Contain("my own.json'").And.Not.Contain("dynamo.json"));
        Assert.That(run.ExitCode, Is.Zero, said + run.StandardError);
    }
}

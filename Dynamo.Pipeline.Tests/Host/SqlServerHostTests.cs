using System.Text.Json;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary><c>dynamo</c> with SQL Server as its sink.</summary>
[CancelAfter(120_000), Order(1)]
internal sealed class SqlServerHostTests
{
    private const string Good = "L1,flow,2025-01-01T00:00:00Z,1.5";

    private DynamoFolder _folder = null!;
    private SqlServerTestDatabase _database = null!;

    [SetUp]
    public void MakeFolder() => (_folder, _database) = (new DynamoFolder(), new SqlServerTestDatabase());

    [TearDown]
    public async Task Remove()
    {
        _folder.Dispose();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Check_says_what_there_is_and_how_it_would_be_written_and_changes_nothing(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult before = await RunAsync(token, "check");
        bool touched = _database.HasTable(_database.Options.LedgerTable);
        DynamoResult run = await RunAsync(token, "run", "--json"), after = await RunAsync(token, "check"),
            json = await RunAsync(token, "check", "--json");

        Assert.Multiple(() =>
        {
            Assert.That(before.StandardOutput, Does.Contain("has no tables yet, the first run creates them"), before.StandardError);
            Assert.That(touched, Is.False);
            Assert.That(run.ExitCode, Is.Zero, run.StandardError);
            Assert.That(
                after.StandardOutput,
                Does.Contain("its tables fit").And.Contains("4 writers: each merges keys of its own, told apart by Logger"));
            Assert.That(DynamoFolder.Json(json).GetProperty("sinkPlan").GetProperty("writers").GetInt32(), Is.EqualTo(4));
            Assert.That(DynamoFolder.Json(json).GetProperty("sinkPlan").GetProperty("batchRows").GetInt32(), Is.EqualTo(102_400));
            Assert.That(DynamoFolder.Json(run).GetProperty("sink").GetString(), Does.StartWith("sqlserver:"));
        });
    }

    [Test]
    public async Task Check_says_what_is_lost_without_a_column_for_the_file_and_how_to_add_it(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _database.Execute($"""
            CREATE TABLE {_database.Map.Name} (Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL,
              TimestampUtc datetime2(7) NOT NULL, Value float NOT NULL, PRIMARY KEY (Logger, Channel, TimestampUtc))
            """);

        DynamoResult check = await RunAsync(token, "check"), json = await RunAsync(token, "check", "--json");
        string said = DynamoFolder.Json(json).GetProperty("sinkMissing").GetString()!;
        _database.Execute(said[said.IndexOf("ALTER TABLE", StringComparison.Ordinal)..]);
        DynamoResult after = await RunAsync(token, "check");

        Assert.Multiple(() =>
        {
            Assert.That(check.StandardOutput, Does.Contain(said).And.Contains("has no column FileId").And.Contains("written later wins"));
            Assert.That(after.StandardOutput, Does.Contain("its tables fit").And.Not.Contains("has no column FileId"));
        });
    }

    [Test]
    public async Task Check_names_a_right_that_is_missing_and_a_table_that_cannot_be_created(CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        _folder.Put("a.csv", Good);
        string[] check = ["check", "--source", "inbox", "--sink", "sqlserver"];
        await _folder.RunAsync(database.Variables, token, "run", "--source", "inbox", "--sink", "sqlserver");
        string rejects = $"[dbo].[{database.Options.RejectTable}]", overlaps = $"[dbo].[{database.Options.OverlapTable}]";

        database.Endpoint!.Store.Rights.Denied[$"INSERT {rejects}"] = database.Endpoint.Store.Rights.Denied[$"INSERT {overlaps}"] = true;
        DynamoResult denied = await _folder.RunAsync(database.Variables, token, check);
        database.Endpoint.Store.Rights.Denied.Clear();
        database.Execute($"DROP TABLE {database.Options.RejectTable}");
        DynamoResult creates = await _folder.RunAsync(database.Variables, token, check);
        database.Endpoint.Store.Rights.Denied["CREATE TABLE test"] = true;
        DynamoResult cannot = await _folder.RunAsync(database.Variables, token, check);

        Assert.Multiple(() =>
        {
            Assert.That((denied.ExitCode, creates.ExitCode, cannot.ExitCode), Is.EqualTo((4, 0, 4)), creates.StandardError);
            Assert.That(denied.StandardError, Does.Contain($"this user lacks INSERT on {rejects}, INSERT on {overlaps}"));
            Assert.That(creates.StandardOutput, Does.Contain($"missing, the first run creates: {database.Options.RejectTable}"));
            Assert.That(
                cannot.StandardError, Does.Contain($"{rejects} is missing").And.Contains("may not create tables: it lacks CREATE TABLE"));
        });
    }

    [TestCase("ops", 4), TestCase("dbo", 0)]
    public async Task Check_names_a_sequence_of_another_owner_behind_a_default_that_may_not_be_used(
        string schema, int exitCode, CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        string[] place = ["--source", "inbox", "--sink", "sqlserver"];
        _folder.Put("a.csv", Good);
        database.Execute($"CREATE SEQUENCE {schema}.Numbers AS bigint START WITH 1");
        database.Execute($"""
            CREATE TABLE {database.Map.Name} (Logger nvarchar(50) NOT NULL, Channel nvarchar(50) NOT NULL,
              TimestampUtc datetime2(7) NOT NULL, Value float NOT NULL, FileId int NULL,
              Number bigint NOT NULL DEFAULT (NEXT VALUE FOR {schema}.Numbers), PRIMARY KEY (Logger, Channel, TimestampUtc))
            """);

        database.Endpoint!.Store.Rights.Denied[$"UPDATE [{schema}].[Numbers]"] = true;
        DynamoResult check = await _folder.RunAsync(database.Variables, token, ["check", .. place]);
        DynamoResult denied = await _folder.RunAsync(database.Variables, token, ["run", .. place]);
        database.Endpoint.Store.Rights.Denied.Clear();
        DynamoResult allowed = await _folder.RunAsync(database.Variables, token, ["check", .. place]);
        DynamoResult run = await _folder.RunAsync(database.Variables, token, ["run", .. place]);

        Assert.That((check.ExitCode, denied.ExitCode, allowed.ExitCode, run.ExitCode), Is.EqualTo((exitCode, exitCode, 0, 0)),
            check.StandardError + denied.StandardError + allowed.StandardError + run.StandardError);
        if (exitCode == 0) return;
        Assert.That(check.StandardError, Does.Contain("this user lacks UPDATE on [ops].[Numbers]"));
        Assert.That(denied.StandardError, Does.Contain("The UPDATE permission was denied on the object 'Numbers'"));
    }

    [Test]
    public async Task Status_says_that_it_does_not_know_the_newest_reading_where_a_procedure_takes_them(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await RunAsync(token, "run");
        Dictionary<string, string?> variables = _database.Variables;
        variables["DYNAMO__SQLSERVER__PROCEDURE"] = "TakeReadings";

        DynamoResult status = await _folder.RunAsync(variables, token, "status", "--sink", "sqlserver");
        DynamoResult json = await _folder.RunAsync(variables, token, "status", "--sink", "sqlserver", "--json");

        Assert.That(status.StandardOutput, Does.Contain("newest   not known: the procedure TakeReadings"), status.StandardError);
        Assert.That(DynamoFolder.Json(json).GetProperty("newestReadingUnknown").GetString(), Does.Contain("TakeReadings"));
    }

    [Test]
    public async Task An_empty_connection_string_is_named(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult run = await _folder.RunAsync(
            new Dictionary<string, string?> { ["DYNAMO_SINK"] = " " }, token, "run", "--source", "inbox", "--sink", "sqlserver");

        Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
        Assert.That(run.StandardError, Does.Contain("DYNAMO_SINK in the environment is empty"));
    }

    [Test]
    public async Task What_to_do_next_names_the_file_of_settings_that_names_the_ledger(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _folder.PutText("b.csv", "no,such,header\n1,2,3\n");
        _folder.PutText("../dynamo.json", """{ "sink": "sqlserver" }""");

        DynamoResult run = await _folder.RunAsync(
            _database.Variables, token, "run", "--source", "inbox", "--config", "dynamo.json", "--max-bad-rows", "0");

        Assert.That(run.StandardOutput, Does.Match("retry .*--config \"?.*dynamo.json"), run.StandardError);
        string query = run.StandardOutput.Split('\n').Select(line => line.Trim())
            .Single(line => line.StartsWith("SELECT", StringComparison.Ordinal));
        Assert.That(_database.Query<(string, string, int, double)>(query), Is.Not.Empty, "as a query of the database");
    }

    [Test]
    public async Task A_run_that_is_stopped_while_a_statement_waits_ends_within_its_deadline(CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        _folder.Put("a.csv", Good);
        database.Endpoint!.FailNext(TdsMoment.Request, TdsFault.Slow(TimeSpan.FromSeconds(60)), "INSERT INTO [dbo].[Reading");
        Dictionary<string, string?> variables = database.Variables;
        variables["DYNAMO__STOPDEADLINE"] = "4s";
        using System.Diagnostics.Process process = DynamoProcess.Start(
            ["run", "--source", "inbox", "--sink", "sqlserver"], _folder.Path, variables);
        await database.Endpoint.Faults.AllStruck.WaitAsync(token);

        var watch = System.Diagnostics.Stopwatch.StartNew();
        DynamoProcess.Terminate(process);
        await process.WaitForExitAsync(token);

        Assert.That(process.ExitCode, Is.EqualTo(130));
        Assert.That(watch.Elapsed.TotalSeconds, Is.LessThan(15), "the deadline is 4 s, and a process needs a moment to end");
    }

    [Test]
    public async Task A_bad_file_is_shown_by_status_and_offered_again_by_retry(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        _folder.PutText("b.csv", "");
        DynamoResult first = await RunAsync(token, "run", "--json"), again = await RunAsync(token, "run", "--json");
        JsonElement status = DynamoFolder.Json(
            await _folder.RunAsync(_database.Variables, token, "status", "--sink", "sqlserver", "--json"));
        DynamoResult shown = await _folder.RunAsync(_database.Variables, token, "status", "--sink", "sqlserver");
        DynamoResult retry = await RunAsync(token, "retry"), third = await RunAsync(token, "run", "--json");

        Assert.Multiple(() =>
        {
            Assert.That(
                (first.ExitCode, again.ExitCode, retry.ExitCode, third.ExitCode), Is.EqualTo((1, 0, 0, 1)),
                first.StandardError + retry.StandardError + third.StandardError);
            Assert.That(status.GetProperty("totals").GetProperty("loaded").GetInt64(), Is.EqualTo(1));
            Assert.That(status.GetProperty("quarantined")[0].GetProperty("file").GetString(), Is.EqualTo("b.csv"));
            Assert.That(status.GetProperty("runs").GetArrayLength(), Is.EqualTo(2));
            Assert.That(
                status.GetProperty("newestReadingUtc").GetDateTime(), Is.EqualTo(new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc)));
            Assert.That(shown.StandardOutput, Does.Contain("1 loaded, 1 in quarantine").And.Contains("b.csv"), shown.StandardError);
            Assert.That(retry.StandardOutput, Does.Contain("The next run reads again:").And.Contains("b.csv"));
        });
    }

    [Test]
    public async Task A_sink_that_is_named_in_a_settings_file_only_is_connected_to(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await RunAsync(token, "run");
        _folder.PutText("../more.json", """{ "sink": "sqlserver" }""");

        DynamoResult status = await _folder.RunAsync(_database.Variables, token, "status", "--settings", "more.json", "--json");

        Assert.That(status.ExitCode, Is.Zero, status.StandardError);
        Assert.That(DynamoFolder.Json(status).GetProperty("totals").GetProperty("loaded").GetInt64(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_dry_run_asks_the_ledger_and_writes_nothing(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        DynamoResult first = await RunAsync(token, "run", "--dry-run", "--json");
        bool touched = _database.HasTable(_database.Map.Name);
        await RunAsync(token, "run");
        DynamoResult second = await RunAsync(token, "run", "--dry-run", "--json");

        Assert.That(DynamoFolder.Json(first).GetProperty("files").GetProperty("loaded").GetInt64(), Is.EqualTo(1), first.StandardError);
        Assert.That(touched, Is.False);
        Assert.That(
            DynamoFolder.Json(second).GetProperty("files").GetProperty("alreadyLoaded").GetInt64(), Is.EqualTo(1), second.StandardError);
    }

    [Test]
    public async Task Status_before_the_first_run_says_so(CancellationToken token)
    {
        DynamoResult status = await _folder.RunAsync(_database.Variables, token, "status", "--sink", "sqlserver");

        Assert.That(status.ExitCode, Is.EqualTo(4));
        Assert.That(status.StandardError, Does.Contain("Run an import first"));
    }

    [Test]
    public async Task Schema_prints_the_statements_without_a_connection(CancellationToken token)
    {
        DynamoResult schema = await _folder.RunAsync(token, "schema", "--sink", "sqlserver");

        Assert.That(schema.ExitCode, Is.Zero, schema.StandardError);
        Assert.That(schema.StandardOutput, Does.Contain("CREATE TABLE [dbo].[Reading]").And.Contains("datetime2(7)"));
    }

    [Test]
    public async Task The_connection_string_comes_from_a_file_and_the_password_from_the_environment(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        var connection = new SqlConnectionStringBuilder(_database.ConnectionString);
        string password = connection.Password;
        connection.Remove("Password");
        await File.WriteAllTextAsync(
            _folder["dynamo.json"],
            JsonSerializer.Serialize(
                new { source = "inbox", sink = "sqlserver", sqlserver = new { connection = connection.ConnectionString } }),
            token);
        Dictionary<string, string?> variables = _database.Variables;
        variables.Remove("DYNAMO_SINK");
        variables["DYNAMO__SQLSERVER__PASSWORD"] = password;

        DynamoResult run = await _folder.RunAsync(variables, token, "run", "--config", "dynamo.json");

        Assert.That(run.ExitCode, Is.Zero, run.StandardError);
        Assert.That(_database.Readings(), Has.Count.EqualTo(1));
    }

    [TestCase("Server=127.0.0.1,1;Passwort=hunter2", "onnection string")]
    [TestCase("Server=127.0.0.1,1;Password=\"hunter2", "onnection string")]
    public async Task A_connection_string_that_cannot_be_read_is_refused_without_being_shown(
        string connection, string said, CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        foreach (string variable in new[] { "DYNAMO_SINK", "DYNAMO__SQLSERVER__CONNECTION" })
        {
            DynamoResult run = await _folder.RunAsync(
                new Dictionary<string, string?> { [variable] = connection }, token, "run", "--source", "inbox", "--sink", "sqlserver");

            Assert.That(run.ExitCode, Is.EqualTo(2), run.StandardError);
            Assert.That(run.StandardError + run.StandardOutput, Does.Contain(said).And.Not.Contains("hunter2"));
        }
    }

    [Test]
    public async Task A_wrong_password_exits_4_and_is_not_shown(CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        var connection = new SqlConnectionStringBuilder(_database.ConnectionString) { Password = "hunter2" };

        DynamoResult run = await _folder.RunAsync(
            new Dictionary<string, string?> { ["DYNAMO_SINK"] = connection.ConnectionString }, token, "run", "--source", "inbox", "--sink",
            "sqlserver", "--json", "--verbose");

        Assert.That(run.ExitCode, Is.EqualTo(4), run.StandardError);
        Assert.That(run.StandardError, Does.Contain("Check the user, the password"));
        Assert.That(run.StandardError + run.StandardOutput, Does.Not.Contain("hunter2"));
    }

    [Test]
    public async Task The_connection_is_encrypted_unless_said_otherwise_and_a_certificate_nobody_trusts_is_refused(
        [Values] bool trusted, CancellationToken token)
    {
        _folder.Put("a.csv", Good);
        await using var endpoint = new TdsEndpoint();
        SqlConnectionStringBuilder connection = endpoint.Connect();
        connection.Remove("Encrypt");
        connection.TrustServerCertificate = trusted;

        DynamoResult run = await _folder.RunAsync(
            new Dictionary<string, string?> { ["DYNAMO_SINK"] = connection.ConnectionString }, token, "run", "--source", "inbox", "--sink",
            "sqlserver");

        Assert.That(run.ExitCode, Is.EqualTo(trusted ? 0 : 4), run.StandardError);
        if (!trusted) Assert.That(run.StandardError, Does.Contain("certificate"));
        Assert.That(endpoint.Counts.Logins, trusted ? Is.GreaterThan(0) : Is.Zero);
    }

    [Test]
    public async Task A_server_that_is_gone_ends_the_run_and_the_next_one_loads_the_rest(CancellationToken token)
    {
        await using var database = new SqlServerTestDatabase(endpointOnly: true);
        await using var proxy = new CuttingProxy(database.Endpoint!.Port);
        for (int i = 0; i < 400; i++) _folder.Put($"{i:D3}.csv", $"L{i},flow,2025-01-01T00:00:00Z,1.5");
        Dictionary<string, string?> direct = database.Variables, through = database.Variables;
        through["DYNAMO_SINK"] =
            new SqlConnectionStringBuilder(database.ConnectionString) { DataSource = $"127.0.0.1,{proxy.Port}" }.ConnectionString;
        through["DYNAMO__WRITERETRIES"] = "1";
        proxy.CutAfter(300_000);

        Task<DynamoResult> running = _folder.RunAsync(
            through, token, "run", "--source", "inbox", "--sink", "sqlserver", "--batch-rows", "20");
        await Task.WhenAny(running, proxy.HasCut);
        proxy.Leave();
        DynamoResult first = await running;
        int loaded = database.Ledger().Count;
        DynamoResult second = await _folder.RunAsync(direct, token, "run", "--source", "inbox", "--sink", "sqlserver", "--json");

        Assert.Multiple(() =>
        {
            Assert.That((first.ExitCode, second.ExitCode), Is.EqualTo((4, 0)), first.StandardError + second.StandardError);
            Assert.That(first.StandardOutput, Does.Contain("What is counted as loaded is safe"));
            Assert.That(first.StandardError, Does.Contain("sqlserver:127.0.0.1").And.Not.Contains(database.Endpoint!.Password));
            Assert.That(loaded, Is.InRange(1, 399));
            Assert.That(DynamoFolder.Json(second).GetProperty("files").GetProperty("loaded").GetInt32(), Is.EqualTo(400 - loaded));
            Assert.That(database.Readings().Distinct().Count(), Is.EqualTo(400));
        });
    }

    [Test]
    public async Task Without_a_connection_string_it_says_where_to_put_it(CancellationToken token)
    {
        _folder.Put("a.csv", Good);

        DynamoResult run = await _folder.RunAsync(token, "run", "--source", "inbox", "--sink", "sqlserver");

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.StandardError, Does.Contain("DYNAMO_SINK").And.Contains("sqlserver:connection"));
    }

    private Task<DynamoResult> RunAsync(CancellationToken token, params string[] arguments) =>
        _folder.RunAsync(_database.Variables, token, [arguments[0], "--source", "inbox", "--sink", "sqlserver", .. arguments[1..]]);
}

using Dapper;
using Microsoft.Data.SqlClient;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The rights in <c>docs/sqlserver.md</c>: with exactly these, each command does its work; each of them is needed; and where one is
/// missing, it is named, and no file is condemned for it.
/// </summary>
[CancelAfter(300_000), Order(1), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class SqlServerGrantsTests
{
    private const string Run = "`run`, `watch`", Append = Run + " with `sqlserver:append`", Procedure = Run + " with `sqlserver:procedure`",
        Restore = "`undo` with `--restore` or `--reimport`";

    private DynamoFolder _folder = new();
    private TdsEndpoint _endpoint = new();

    private static Dictionary<string, HashSet<string>> Rights { get; } = Documented();

    /// <summary>What each row of the page's table says, to the names of <see cref="StoreRights"/>.</summary>
    private static IEnumerable<string> Ways => Rights.Keys;

    [TearDown]
    public async Task Remove()
    {
        _folder.Dispose();
        await _endpoint.DisposeAsync();
    }

    [Test]
    public async Task With_the_documented_rights_it_works_and_each_of_them_is_used(
        [ValueSource(nameof(Ways))] string way, CancellationToken token)
    {
        await PrepareAsync(way, token);

        DynamoResult? check = IsRun(way) ? await DoAsync("`check`", Rights[way], token) : null;
        DynamoResult result = await DoAsync(way, Rights[way], token);

        Assert.That(check?.StandardOutput ?? "its tables fit", Does.Contain("its tables fit"), check?.StandardError);
        Assert.That(result.ExitCode, Is.EqualTo(IsRun(way) || way == Restore ? 1 : 0), result.StandardError + result.StandardOutput);
        Assert.That(_endpoint.Store.Rights.Used.Keys.Order(), Is.EqualTo(Rights[way].Order()).AsCollection);
    }

    [Test]
    public async Task The_statements_to_copy_are_enough_for_a_run_and_for_the_tables_it_creates(CancellationToken token)
    {
        string[] blocks = [.. Repository.Blocks("docs/sqlserver.md").Select(block => block.Text).Where(text => text.Contains("GRANT"))];
        string[] tables = [.. Rights[Run].Select(right => right.Split(' ')[1])];
        HashSet<string> toCreate = [.. blocks[1].Split('\n').SelectMany(line => Granted(line, tables))];

        await ConfigureAsync("", token);
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00Z,1");
        DynamoResult first = await DoAsync(Run, toCreate, token);

        Assert.That(first.ExitCode, Is.Zero, first.StandardError);
        Assert.That(blocks[0].Split('\n').SelectMany(line => Granted(line, [])), Is.EquivalentTo(Rights[Run]));
    }

    [Test, Soak]
    public async Task A_right_that_is_missing_is_named_before_the_first_file_and_condemns_none(
        [ValueSource(nameof(Ways))] string way, CancellationToken token)
    {
        foreach (string missing in Rights[way])
        {
            await Remove();
            (_endpoint, _folder) = (new TdsEndpoint(), new DynamoFolder());
            await PrepareAsync(way, token);
            HashSet<string> others = [.. Rights[way].Except([missing])];
            if (IsRun(way)) AssertNamed(missing, await DoAsync("`check`", others, token));

            AssertNamed(missing, await DoAsync(way, others, token));
            Assert.That(Query("SELECT Path FROM dbo.ImportedFile WHERE Outcome = 'quarantined' AND Path NOT LIKE 'bad%'"), Is.Empty);
        }

        static void AssertNamed(string missing, DynamoResult result)
        {
            (string right, string on) = missing.Split(' ') is [var first, var second] ? (first, second) : default;
            string name = on.Split('[')[^1].TrimEnd(']');
            Assert.That(result.ExitCode, Is.EqualTo(4), $"without {missing}: {result.StandardError}{result.StandardOutput}");
            Assert.That(result.StandardError, Does.Contain(missing.Replace(" ", " on ", StringComparison.Ordinal))
                .Or.Contain($"The {right} permission was denied on the object '{name}'"));
        }
    }

    /// <summary>Files that have been imported, some long ago, and in a run those that are to be.</summary>
    private async Task PrepareAsync(string way, CancellationToken token)
    {
        await ConfigureAsync(
            way == Procedure ? """, "sqlserver": { "procedure": "TakeReadings" }""" : way == Append
            ? """, "sqlserver": { "append": true }""" : "", token);
        if (way == Procedure)
        {
            Execute("CREATE TABLE dbo.Measurement (Sensor nvarchar(200), At datetime2(7), Value float)");
            Execute("CREATE PROCEDURE dbo.TakeReadings AS INSERT INTO dbo.Measurement (Sensor, At, Value) "
                + "SELECT Logger, TimestampUtc, Value FROM #StagedRow; "
                + "SELECT StagedFile, COUNT(*) AS Inserted, 0 AS Updated, 0 AS Unchanged FROM #StagedRow GROUP BY StagedFile");
        }
        _folder.Put("a.csv", "L1,flow,2025-01-01T00:00Z,1", "L1,flow,2025-01-01T00:15Z,2", "L1,flow,2025-01-01T00:30Z,x");
        _folder.PutText("bad.csv", "no,such,header\n1,2,3\n");
        await ExpectAsync(1, "run", token);
        Deliver("b.csv", 1, "L1,flow,2025-01-01T00:15Z,3");
        Deliver("c.csv", 2, "L1,flow,2025-01-01T00:15Z,4");
        await ExpectAsync(0, "run", token);
        if (way == "`prune`")
        {
            Execute("UPDATE dbo.ImportedFile SET ImportedUtc = CAST('2020-01-01T00:00:00' AS datetime2(7)) WHERE Path <> 'c.csv'");
            Execute("UPDATE dbo.ImportRun SET EndedUtc = CAST('2020-01-01T00:00:00' AS datetime2(7))");
            Execute("DELETE FROM dbo.Reading WHERE FileId = (SELECT FileId FROM dbo.ImportedFile WHERE Path = 'a.csv')");
        }
        if (!IsRun(way)) return;
        string at = way == Append ? "02" : "01";
        Deliver("d.csv", 3, $"L1,flow,2025-01-{at}T00:15Z,5", "L1,flow,2025-01-01T00:30Z,x");
        // The name, size and time of one that is in the archive, and other readings.
        Deliver("b.csv", 1, $"L1,flow,2025-01-{at}T00:20Z,6");
        _folder.PutText("bad2.csv", "no,such,header\n1,2,3\n");
    }

    private Task ConfigureAsync(string more, CancellationToken token) => File.WriteAllTextAsync(
        _folder["dynamo.json"],
        $$"""
        { "source": "inbox", "sink": "sqlserver", "after": "archive", "maxBadRows": 5,
          "retention": { "ledger": "10d", "rejects": "10d", "runs": "10d" }{{more}} }
        """,
        token);

    private void Deliver(string name, int hours, params string[] rows)
    {
        _folder.Put(name, rows);
        File.SetLastWriteTimeUtc(_folder[$"inbox/{name}"], new DateTime(2025, 1, 1, hours, 0, 0, DateTimeKind.Utc));
    }

    private async Task ExpectAsync(int exitCode, string command, CancellationToken token)
    {
        DynamoResult result = await DynamoAsync(token, command);
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.StandardError + result.StandardOutput);
    }

    private async Task<DynamoResult> DoAsync(string way, IReadOnlySet<string> granted, CancellationToken token)
    {
        _endpoint.Store.Rights.Granted = granted;
        try
        {
            return way switch
            {
                "`lineage`" => await DynamoAsync(token, "lineage", "L1"),
                "`undo`" => await DynamoAsync(token, "undo", "b.csv"),
                Restore => await DynamoAsync(token, "undo", "b.csv", "--restore"),
                _ => await DynamoAsync(token, IsRun(way) ? "run" : way.Trim('`')),
            };
        }
        finally
        {
            _endpoint.Store.Rights.Granted = null;
        }
    }

    private Task<DynamoResult> DynamoAsync(CancellationToken token, params string[] command) => _folder.RunAsync(
        new Dictionary<string, string?> { ["DYNAMO_SINK"] = _endpoint.ConnectionString }, token, [.. command, "--config", "dynamo.json"]);

    private void Execute(string sql)
    {
        using var connection = new SqlConnection(_endpoint.ConnectionString);
        connection.Execute(sql);
    }

    private List<string> Query(string sql)
    {
        using var connection = new SqlConnection(_endpoint.ConnectionString);
        return connection.Query<string>(sql).AsList();
    }

    private static bool IsRun(string way) => way.StartsWith(Run, StringComparison.Ordinal);

    /// <summary>The rights of a statement; those to the schema are rights to each of its tables.</summary>
    private static IEnumerable<string> Granted(string statement, string[] tables)
    {
        string[] words = statement.Replace(",", "", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is ["GRANT", "CREATE", "TABLE", ..]) return ["CREATE TABLE test"];
        int on = Array.IndexOf(words, "ON");
        if (on < 0) return [];
        string[] names = words[on + 1] == "SCHEMA::dbo" ? [.. tables, "[dbo]"] : [$"[dbo].[{words[on + 1].Split('.')[1]}]"];
        return words[1..on].SelectMany(right => names.Select(name => $"{right} {name}"));
    }

    /// <summary>The table whose first row has our tables' names.</summary>
    private static Dictionary<string, HashSet<string>> Documented()
    {
        string[][] rows = [.. Repository.Read("docs/sqlserver.md").Split('\n')
            .SkipWhile(line => !line.StartsWith("| | `Reading`", StringComparison.Ordinal))
            .TakeWhile(line => line.StartsWith('|')).Select(line => Array.ConvertAll(line.Split('|')[1..^1], cell => cell.Trim()))];
        var found = new Dictionary<string, HashSet<string>>();
        foreach (string[] row in rows[2..])
        {
            var rights = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            for (int i = 1; i < row.Length; i++)
            {
                foreach (string right in row[i].Split(", ", StringSplitOptions.RemoveEmptyEntries))
                    rights.Add($"{right} [dbo].[{rows[0][i].Trim('`')}]");
            }
            if (row[0] == Procedure) rights.Add("EXECUTE [dbo].[TakeReadings]");
            found.Add(row[0], rights);
        }
        return found;
    }
}

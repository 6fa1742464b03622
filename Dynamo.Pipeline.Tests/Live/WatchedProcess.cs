using System.Diagnostics;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>An inbox that a real <c>dynamo watch</c> imports into <c>r.db</c>, and how files land in it.</summary>
internal abstract class WatchedProcess
{
    protected ScratchFolder Work { get; private set; } = null!;

    protected string Inbox => Work["inbox"];

    [SetUp]
    public void MakeInbox()
    {
        Work = new ScratchFolder();
        Directory.CreateDirectory(Inbox);
        Directory.CreateDirectory(Work["beside"]);
    }

    [TearDown]
    public void Remove() => Work.Dispose();

    protected void Land(int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            string name = FormattableString.Invariant($"f{i:D7}.csv"), upload = Path.Join(Work["beside"], name);
            File.WriteAllText(upload, FormattableString.Invariant($"logger,channel,timestamp,value\nL{i},p,2025-01-01T00:00:00Z,{i}\n"));
            File.Move(upload, Path.Join(Inbox, name));
        }
    }

    protected SqliteConnection Open() => new($"Data Source={Work["r.db"]};Mode=ReadOnly;Pooling=False");

    protected long Count(string table = "Reading")
    {
        if (!File.Exists(Work["r.db"])) return 0;
        using SqliteConnection connection = Open();
        return connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master WHERE name = @table", new { table }) == 0
            ? 0 : connection.ExecuteScalar<long>($"SELECT count(*) FROM {table}");
    }

    protected long Scalar(string sql)
    {
        using SqliteConnection connection = Open();
        return connection.ExecuteScalar<long>(sql);
    }

    protected static async Task UntilAsync(Func<bool> isSo, CancellationToken token)
    {
        for (long began = Stopwatch.GetTimestamp(); !isSo(); await Task.Delay(20, token))
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(2)) Assert.Fail("not so after two minutes");
    }
}

using System.Globalization;
using System.Text;
using Dapper;
using Microsoft.Data.Sqlite;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// A small inbox: good files, one with a bad row, a bad one, one that is large enough to be streamed, and two that bring the same reading.
/// Some are delivered twice, with the same content or a newer one. It knows what is in the database and the folders once all is imported,
/// and what must never be there.
/// </summary>
internal sealed class FaultInbox(Random random, string folder, string after)
{
    private const string Header = "logger,channel,timestamp,value\n", BadName = "bad.csv";
    private const string BadText = "Messstelle;Kanal;Zeit;Wert\nL1;flow;01.01.2025;1\n";
    private static readonly DateTime s_start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private sealed record Version(string Name, string Text, DateTime Modified, List<(string Logger, string Time, double Value)> Rows);

    private readonly List<Version> _good = [], _replaced = [];
    private readonly int _files = random.Next(5, 31), _badRowIn = random.Next(8), _streamed = random.Next(5);

    public string Path { get; } = System.IO.Path.Combine(folder, "inbox");

    public string Database { get; } = System.IO.Path.Combine(folder, "readings.db");

    /// <summary>The path of a file below the folder of the scenario.</summary>
    public static string PathOf(int number) => "inbox/" + NameOf(number);

    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"L{number:00}.csv");

    /// <summary>Delivers the first part, which a run without a fault may import.</summary>
    public void DeliverSome()
    {
        for (int i = 0; i < _files / 3; i++) Deliver(i, 0);
    }

    /// <summary>Delivers the rest, and some of the first part again.</summary>
    /// <param name="wereSeen">Whether a run has imported the first part.</param>
    public void DeliverAll(bool wereSeen)
    {
        int some = _good.Count;
        foreach (Version known in _good.ToArray())
        {
            int how = random.Next(4);
            if (how == 0) Put(known.Name, known.Text, known.Modified);
            else if (how == 1) Deliver(_good.IndexOf(known), 1);
            // Nobody saw the file that was replaced.
            if (how == 1 && !wereSeen) _replaced.Add(known);
        }
        _good.RemoveAll(_replaced.Contains);
        for (int i = some; i < _files; i++) Deliver(i, 0);
        Put(BadName, BadText, s_start);
    }

    private void Deliver(int number, int version)
    {
        string name = NameOf(number);
        var text = new StringBuilder(Header);
        var rows = new List<(string, string, double)>();
        int count = number == _streamed ? 120 : random.Next(1, 6);
        for (int row = 0; row < count; row++) Add($"L{number}", row, number * 1000 + version * 300 + row);
        // The readings of the file before, too: the later file wins.
        if (number % 5 == 4) Add($"L{number - 1}", 0, number * 1000 + version * 300 + 200);
        if (number == _badRowIn && version == 0)
            text.Append(CultureInfo.InvariantCulture, $"L{number},flow,2025-02-01T00:00:00Z,defect\n");
        DateTime modified = s_start.AddHours(version * 24).AddMinutes(number);
        _good.Add(new Version(name, text.ToString(), modified, rows));
        Put(name, text.ToString(), modified);

        void Add(string logger, int row, double value)
        {
            string time = s_start.AddMinutes(row).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture, $"{logger},flow,{time},{value}\n");
            rows.Add((logger, time[..10] + " " + time[11..19], value));
        }
    }

    private void Put(string name, string text, DateTime modified)
    {
        Directory.CreateDirectory(Path);
        string hidden = System.IO.Path.Combine(folder, "delivery");
        File.WriteAllText(hidden, text);
        File.SetLastWriteTimeUtc(hidden, modified);
        File.Move(hidden, System.IO.Path.Combine(Path, name), overwrite: true);
    }

    /// <summary>What the folders and the database have at one instant.</summary>
    /// <param name="Loaded">How many files the ledger has as loaded.</param>
    /// <param name="HasBad">Whether it has the bad file as quarantined.</param>
    /// <param name="Condemned">The good files that are in quarantine, by name.</param>
    /// <param name="Known">The newest of the good files that the ledger has as loaded, by name.</param>
    public sealed record State(int Loaded, bool HasBad, HashSet<string> Condemned, HashSet<string> Known);

    /// <summary>Adds what must never be.</summary>
    public State CheckNow(List<string> wrong)
    {
        ILookup<string, string> good = _good.ToLookup(version => version.Text, version => version.Name);
        string quarantine = System.IO.Path.Combine(Path, "quarantine");
        HashSet<string> condemned = [.. Files(quarantine).SelectMany(file => good[File.ReadAllText(file)])];
        using var copy = new ScratchFolder();
        IEnumerable<string> files = Directory.EnumerateFiles(folder, "readings.db*");
        foreach (string file in files.Where(file => !file.EndsWith("-shm", StringComparison.Ordinal)))
            File.Copy(file, System.IO.Path.Combine(copy.Path, System.IO.Path.GetFileName(file)));
        List<Entry> ledger = [];
        string database = System.IO.Path.Combine(copy.Path, "readings.db");
        if (File.Exists(database) && new FileInfo(database).Length > 0)
        {
            using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
            ledger = Ledger(connection);
            CheckTable(connection, ledger, wrong);
        }
        HashSet<string> there = [.. Files(Path).Select(File.ReadAllText)];
        foreach (Version version in _good.Where(version => !there.Contains(version.Text) && !IsReplaced(version)))
        {
            if (after != "delete" || !ledger.Any(entry => entry.Is(version.Name, version.Modified)))
                wrong.Add($"gone: {version.Name} of {version.Modified:HH:mm}");
        }
        List<Entry> quarantined = ledger.FindAll(entry => entry.Outcome == "quarantined");
        condemned.UnionWith(_good.Where(version => quarantined.Exists(entry => entry.Is(version.Name, version.Modified)))
            .Select(version => version.Name));
        IEnumerable<Version> known = Latest().Where(
            version => ledger.Exists(entry => entry.Outcome == "loaded" && entry.Is(version.Name, version.Modified)));
        return new State(
            ledger.Count(entry => entry.Outcome == "loaded"), quarantined.Exists(entry => entry.Path == BadName), condemned,
            [.. known.Select(version => version.Name)]);
    }

    /// <summary>What holds when <c>retry</c> says that it brought the bad file back.</summary>
    public void CheckReturned(List<string> wrong)
    {
        if (!File.Exists(System.IO.Path.Combine(Path, BadName))) wrong.Add("the bad file did not come back");
        if (Files(System.IO.Path.Combine(Path, "quarantine")).Any(file => !FileNames.IsTemporary(System.IO.Path.GetFileName(file))))
            wrong.Add("the bad file is still in quarantine");
        using var connection = new SqliteConnection($"Data Source={Database};Mode=ReadOnly;Pooling=False");
        if (Ledger(connection).Exists(entry => entry.Path == BadName)) wrong.Add("the bad file is still in the ledger");
    }

    /// <summary>What holds once all is imported.</summary>
    public void CheckComplete(List<string> wrong)
    {
        using (var connection = new SqliteConnection($"Data Source={Database};Mode=ReadOnly;Pooling=False"))
        {
            List<Entry> ledger = Ledger(connection);
            CheckTable(connection, ledger, wrong);
            foreach (Version version in _good)
            {
                int times = ledger.Count(entry => entry.Outcome == "loaded" && entry.Is(version.Name, version.Modified));
                if (times != 1) wrong.Add($"{times} times in the ledger: {version.Name} of {version.Modified:HH:mm}");
            }
            int bad = ledger.Count(entry => entry.Outcome == "quarantined" && entry.Path == BadName);
            if (bad != 1) wrong.Add($"the bad file is {bad} times in the ledger");
            if (connection.ExecuteScalar<string>("pragma integrity_check") is var state && state != "ok") wrong.Add($"integrity: {state}");
        }
        List<string> kept = after == "keep" ? [.. Latest().Select(version => version.Text), BadText] : [];
        Compare("inbox", kept, Directory.EnumerateFiles(Path), wrong);
        if (after == "archive")
            Compare("archive", _good.Select(version => version.Text), Files(System.IO.Path.Combine(Path, "archive")), wrong);
        List<string> quarantined = [.. Files(System.IO.Path.Combine(Path, "quarantine"))];
        List<string> reasons = quarantined.FindAll(file => file.EndsWith(".reason.json", StringComparison.Ordinal));
        Compare("quarantine", [BadText], quarantined.Except(reasons), wrong);
        if (reasons.Count != 1) wrong.Add($"{reasons.Count} reasons");
        foreach (string other in Directory.EnumerateDirectories(Path).Select(path => System.IO.Path.GetFileName(path)))
        {
            if (other is not ("archive" or "quarantine")) wrong.Add($"left over: {other}");
        }
    }

    /// <summary>Kept files are replaced by their newer ones.</summary>
    private bool IsReplaced(Version version) => _good.Exists(other => other.Name == version.Name && other.Modified > version.Modified);

    private IEnumerable<Version> Latest() => _good.Where(version => !IsReplaced(version));

    private static void Compare(string what, IEnumerable<string> expected, IEnumerable<string> files, List<string> wrong)
    {
        List<string> want = [.. expected.Order(StringComparer.Ordinal)];
        List<string> names = [.. files.Where(file => !FileNames.IsTemporary(System.IO.Path.GetFileName(file)))];
        List<string> have = [.. names.Select(File.ReadAllText).Order(StringComparer.Ordinal)];
        if (!want.SequenceEqual(have))
            wrong.Add($"{what}: {want.Count} expected, {have.Count} there, {want.Except(have).Count()} missing: "
                + string.Join(", ", names.Where(name => !want.Contains(File.ReadAllText(name)))));
    }

    /// <summary>The table has the rows of the ledger's files, all of them, each once and of the latest file, and no others.</summary>
    private void CheckTable(SqliteConnection connection, List<Entry> ledger, List<string> wrong)
    {
        if (ledger.Count == 0 && !HasTable(connection, "Reading")) return;
        var expected = new Dictionary<(string, string), double>();
        foreach (Version version in _good.OrderBy(version => version.Modified).ThenBy(version => version.Name, StringComparer.Ordinal))
        {
            if (!ledger.Exists(entry => entry.Outcome == "loaded" && entry.Is(version.Name, version.Modified))) continue;
            foreach ((string logger, string time, double value) in version.Rows) expected[(logger, time)] = value;
        }
        var stored = new Dictionary<(string, string), double>();
        foreach ((string logger, string time, double value) in
            connection.Query<(string, string, double)>("select Logger, TimestampUtc, Value from Reading"))
        {
            if (!stored.TryAdd((logger, time), value)) wrong.Add($"doubled: {logger} {time}");
        }
        int lost = expected.Count(row => !stored.ContainsKey(row.Key)), more = stored.Count(row => !expected.ContainsKey(row.Key));
        if (lost > 0) wrong.Add($"{lost} of {expected.Count} rows lost");
        if (more > 0) wrong.Add($"{more} unexpected rows, such as {stored.First(row => !expected.ContainsKey(row.Key)).Key}");
        int other = expected.Count(row => stored.TryGetValue(row.Key, out double value) && value != row.Value);
        if (other > 0) wrong.Add($"{other} rows of an older file");
        int rejected = connection.ExecuteScalar<int>("select count(*) from RejectedRow where Line > 1");
        int expectedRejects = ledger.Count(entry => entry.Outcome == "loaded"
            && entry.Is($"L{_badRowIn:00}.csv", s_start.AddMinutes(_badRowIn)));
        if (rejected != expectedRejects) wrong.Add($"{rejected} rejected rows, not {expectedRejects}");
    }

    private static List<Entry> Ledger(SqliteConnection connection) => HasTable(connection, "ImportedFileEntry")
        ? [.. connection.Query<Entry>("select Path, Outcome, ModifiedTicks from ImportedFileEntry")] : [];

    private static bool HasTable(SqliteConnection connection, string name) =>
        connection.ExecuteScalar<int>("select count(*) from sqlite_schema where name = @name", new { name }) > 0;

    private static IEnumerable<string> Files(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }) : [];

    private sealed record Entry(string Path, string Outcome, long ModifiedTicks)
    {
        public bool Is(string name, DateTime modified) => Path == name && ModifiedTicks == modified.Ticks;
    }
}

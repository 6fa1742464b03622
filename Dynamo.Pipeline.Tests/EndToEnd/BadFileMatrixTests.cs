using System.Text;
using System.Text.Json;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// Each way in which a file's content can be bad, through the whole pipeline: the verdict, its coordinates, the books, the
/// quarantine and the ledger.
/// </summary>
[TestFixture]
internal sealed class BadFileMatrixTests
{
    private const string Good = "L1,flow,2026-01-01T00:00:00Z,1.5\n";
    private static readonly byte[] s_gzip = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xCB, 0xC9, 0x4F, 0x4F, 0x4F, 0x2D, 0xD2, 0, 0, 7];

    /// <param name="Name">For the test's name.</param>
    /// <param name="Bytes">The file.</param>
    /// <param name="Problem">A part of the problem.</param>
    /// <param name="Line">The line, where there is one.</param>
    /// <param name="Column">The column, where there is one.</param>
    /// <param name="Found">What is shown as found.</param>
    public sealed record Case(string Name, byte[] Bytes, string Problem, long? Line, string? Column, string? Found)
    {
        public override string ToString() => Name;
    }

    private static IEnumerable<Case> BadFiles()
    {
        yield return Of("empty file", "", "empty", null, null, null);
        yield return Of(
            "missing column", "logger,channel,timestamp\nL1,flow,2026-01-01T00:00:00Z\n", "column", 1, "value", "logger,channel,timestamp");
        yield return Of(
            "doubled column", "logger,channel,timestamp,value,value\n", "twice", 1, "value", "logger,channel,timestamp,value,value");
        yield return Of("unknown header", "Messstelle;Kanal;Zeit;Wert\n1;2;3;4\n", "column", 1, "logger", "Messstelle;Kanal;Zeit;Wert");
        yield return Of(
            "unclosed quote", ImportFolder.Header + Good + "\"L1,flow,2026-01-01T00:15:00Z,2\n" + Good, "quote", 3, "logger",
            "\"L1,flow,2026-01-01T00:15:00Z,2");
        yield return Of(
            "unclosed quote in the header", "\"logger,channel,timestamp,value\n" + Good, "quote", 1, "#1",
            "\"logger,channel,timestamp,value");
        yield return new Case("binary file", s_gzip, "not text", 1, null, null);
        yield return new Case("UTF-16 without a mark", Encoding.Unicode.GetBytes(ImportFolder.Header + Good), "not text", 1, null, null);
        yield return Of("one long line", new string('x', 1_100_000), "line", 1, null, null);
    }

    private static IEnumerable<Case> BadRows()
    {
        yield return Row("too few fields", "L1,flow,2026-01-01T01:00:00Z", "too few fields", "value", "3 fields");
        yield return Row("too many fields", "L1,flow,2026-01-01T01:00:00Z,1,5", "too many fields", "#5", "5 fields");
        yield return Row("text in value", "L1,flow,2026-01-01T01:00:00Z,defect", "not a number", "value", "defect");
        yield return Row("empty value", "L1,flow,2026-01-01T01:00:00Z,", "empty", "value", "");
        yield return Row("NaN", "L1,flow,2026-01-01T01:00:00Z,NaN", "NaN", "value", "NaN");
        yield return Row("infinity", "L1,flow,2026-01-01T01:00:00Z,-Infinity", "infinite", "value", "-Infinity");
        yield return Row("overflow", "L1,flow,2026-01-01T01:00:00Z,1e999", "too large", "value", "1e999");
        yield return Row("bad timestamp", "L1,flow,yesterday,1", "cannot be read", "timestamp", "yesterday");
        yield return Row("impossible timestamp", "L1,flow,2026-02-30T00:00:00Z,1", "does not exist", "timestamp", "2026-02-30T00:00:00Z");
        yield return Row(
            "out-of-range timestamp", "L1,flow,0001-01-01T00:00:00+14:00,1", "outside", "timestamp", "0001-01-01T00:00:00+14:00");
        yield return Row("NUL bytes", "L1,flow,2026-01-01T01:00:00Z,1\0\0\0", "not a number", "value", "1\\u0000\\u0000\\u0000");
        yield return new Case(
            "invalid UTF-8", [.. Encoding.UTF8.GetBytes(ImportFolder.Header + Good + "L1,fl"), 0xFF, .. ",2026-01-01T01:00:00Z,1\n"u8],
            "UTF-8", 3, "channel", null);
        yield return Of("last line cut off", ImportFolder.Header + Good + "L1,flow,2026-01", "cut off", 3, "value", null);
    }

    private static IEnumerable<TestCaseData> UnusualFiles()
    {
        string text = ImportFolder.Header + Good;
        yield return Unusual("header only", Encoding.UTF8.GetBytes(ImportFolder.Header), 0);
        yield return Unusual("UTF-8 mark", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(text)], 1);
        yield return Unusual("UTF-16 little-endian", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)], 1);
        yield return Unusual("UTF-16 big-endian", [.. Encoding.BigEndianUnicode.Preamble, .. Encoding.BigEndianUnicode.GetBytes(text)], 1);
        yield return Unusual("CR", Encoding.UTF8.GetBytes(text.Replace('\n', '\r')), 1);
        yield return Unusual("CR LF", Encoding.UTF8.GetBytes(text.Replace("\n", "\r\n", StringComparison.Ordinal)), 1);
    }

    [TestCaseSource(nameof(BadFiles)), CancelAfter(60_000)]
    public async Task A_bad_file_is_quarantined_with_its_reason_and_costs_its_neighbour_nothing(Case bad, CancellationToken token)
    {
        using var import = new ImportFolder { Folder = new FolderSourceOptions { AfterCommit = AfterCommit.Archive } };
        import.Put("bad.csv", bad.Bytes);
        import.PutRows("good.csv", Good);

        PipelineResult result = await import.RunAsync(token);

        Assert.That(
            result.Books, Has.Property("Loaded").EqualTo(1).And.Property("Quarantined").EqualTo(1).And.Property("RowsInserted").EqualTo(1));
        AssertDefect(bad, result.Notable.Single().Defect!);
        AssertReason(result.Notable.Single().Defect!, import.Reason("bad.csv"));
        Assert.That(await File.ReadAllBytesAsync(import["inbox/quarantine/bad.csv"], token), Is.EqualTo(bad.Bytes));
        Assert.That(
            import.Query("select Path || ' ' || Outcome from ImportedFile order by 1"),
            Is.EqualTo(new[] { "bad.csv quarantined", "good.csv loaded" }));
        Assert.That(Directory.GetFiles(import.Inbox), Is.Empty);
    }

    [TestCaseSource(nameof(BadRows)), CancelAfter(60_000)]
    public async Task A_bad_row_is_rejected_by_name_and_the_rest_of_its_file_loaded(Case bad, CancellationToken token)
    {
        using var import = new ImportFolder();
        import.Put("some.csv", bad.Bytes);

        PipelineResult result = await import.RunAsync(token);

        Assert.That(
            result.Books,
            Has.Property("Loaded").EqualTo(1).And.Property("RowsRead").EqualTo(2).And.Property("RowsInserted").EqualTo(1)
                .And.Property("RowsRejected").EqualTo(1));
        AssertDefect(bad, result.Notable.Single().Rejects.Single());
        Defect reject = result.Notable.Single().Rejects.Single();
        Assert.That(
            import.Query(
                "select Path || '|' || Line || '|' || coalesce(ColumnName, '') || '|' || Problem || '|' || coalesce(Found, '') || '|' "
                    + "|| coalesce(Expected, '') from RejectedRow"),
            Is.EqualTo(new[] { $"some.csv|{reject.Line}|{reject.Column}|{reject.Problem}|{reject.Found}|{reject.Expected}" }));
        Assert.That(import.Query("select RawText from RejectedRow").Single(), Is.Not.Empty);
    }

    [TestCaseSource(nameof(BadRows)), CancelAfter(60_000)]
    public async Task Where_no_bad_row_is_allowed_one_quarantines_its_file(Case bad, CancellationToken token)
    {
        using var import = new ImportFolder { Options = new PipelineOptions { MaxBadRows = 0 } };
        import.Put("some.csv", bad.Bytes);

        PipelineResult result = await import.RunAsync(token);

        Assert.That(
            result.Books,
            Has.Property("Quarantined").EqualTo(1).And.Property("RowsRead").EqualTo(2).And.Property("RowsRejected").EqualTo(2));
        Assert.That(import.Query("select count(*) || '' from Reading"), Is.EqualTo(new[] { "0" }));
        Assert.That(import.Reason("some.csv").GetProperty("line").GetInt64(), Is.EqualTo(bad.Line));
    }

    [TestCaseSource(nameof(UnusualFiles)), CancelAfter(60_000)]
    public async Task A_file_that_is_only_unusual_is_loaded(byte[] bytes, int rows, CancellationToken token)
    {
        using var import = new ImportFolder();
        import.Put("some.csv", bytes);

        PipelineResult result = await import.RunAsync(token);

        Assert.That(
            result.Books,
            Has.Property("Loaded").EqualTo(1).And.Property("RowsInserted").EqualTo(rows).And.Property("RowsRejected").EqualTo(0));
        Assert.That(result.Notable, Is.Empty);
    }

    private static void AssertDefect(Case wanted, Defect defect) => Assert.Multiple(() =>
    {
        Assert.That(defect.Problem, Does.Contain(wanted.Problem));
        Assert.That(defect.Line, Is.EqualTo(wanted.Line));
        Assert.That(defect.Column, Is.EqualTo(wanted.Column));
        if (wanted.Found is not null) Assert.That(defect.Found, Is.EqualTo(wanted.Found));
        Assert.That(defect.Expected ?? defect.Remedy, Is.Not.Null.And.Not.Empty, defect.ToString());
    });

    private static void AssertReason(Defect defect, JsonElement reason) => Assert.Multiple(() =>
    {
        Assert.That(reason.GetProperty("problem").GetString(), Is.EqualTo(defect.Problem));
        Assert.That(reason.TryGetProperty("line", out JsonElement line) ? line.GetInt64() : (long?)null, Is.EqualTo(defect.Line));
        Assert.That(reason.TryGetProperty("found", out JsonElement found) ? found.GetString() : null, Is.EqualTo(defect.Found));
        Assert.That(reason.GetProperty("text").GetString(), Is.EqualTo(defect.ToString()));
        Assert.That(reason.GetProperty("path").GetString(), Is.EqualTo("bad.csv"));
    });

    private static Case Of(string name, string text, string problem, long? line, string? column, string? found) =>
        new(name, Encoding.UTF8.GetBytes(text), problem, line, column, found);

    private static Case Row(string name, string row, string problem, string column, string found) =>
        Of(name, ImportFolder.Header + Good + row + '\n', problem, 3, column, found);

    private static TestCaseData Unusual(string name, byte[] bytes, int rows) => new TestCaseData(bytes, rows).SetArgDisplayNames(name);
}

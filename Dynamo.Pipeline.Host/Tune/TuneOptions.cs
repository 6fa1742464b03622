using System.CommandLine;
using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>The options of <c>dynamo tune</c> that say what is measured.</summary>
internal sealed class TuneOptions
{
    private readonly Option<string?> _readers = new("--readers") { Description = "Reader counts to try; auto is one too. Default: 1 to 8, 10, 12, 15, 18 and auto.", HelpName = "1,2,…" };
    private readonly Option<string?> _chunks = new("--chunks") { Description = "Files a message to try. Default: 1,10,50,100,500,1000,5000,10000.", HelpName = "1,10,…" };
    private readonly Option<string?> _repeat = new("--repeat") { Description = "Sets; in each, every cell has its turn. Default: 5.", HelpName = "N" };
    private readonly Option<string?> _pause = new("--pause") { Description = "Time between sets. Default: 5s.", HelpName = "TIME" };
    private readonly Option<string?> _out = new("--out") { Description = "Folder of the report; an interrupted sweep goes on there. Default: dynamo-tune", HelpName = "DIR" };
    private readonly Option<bool> _quick = new("--quick") { Description = "Under a minute: few cells, three sets, and no more files than fit." };
    private readonly Option<bool> _whole = new("--whole") { Description = "Sweep batch rows and writers of the whole pipeline too, into a database that is thrown away." };
    private readonly Option<string?> _batchRows = new("--batch-rows") { Description = "Batch rows to try with --whole. Default: 1000,5000,20000,50000.", HelpName = "N,…" };
    private readonly Option<string?> _writers = new("--writers") { Description = "Writers to try with --whole, where the sink allows more than one (SQLite: one). Default: 1.", HelpName = "1,…" };

    public TuneOptions(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_readers, _chunks, _repeat, _pause, _out, _quick, _whole, _batchRows, _writers]) command.Options.Add(option);
    }

    public string Folder(ParseResult parsed) => Path.GetFullPath(parsed.GetValue(_out) ?? "dynamo-tune");

    /// <exception cref="SettingsException">All that is wrong.</exception>
    public TuningGrid Grid(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        TuningGrid grid = parsed.GetValue(_quick) ? TuningGrid.Quick(Environment.ProcessorCount) : new TuningGrid();
        // Whoever names cells wants those; the curve is then the matrix's first column.
        if (parsed.GetValue(_readers) is not null || parsed.GetValue(_chunks) is not null) grid = grid with { CurveReaders = [] };
        grid = Set(parsed, _readers, "a list such as 1,2,4,auto", grid, (g, text) => g with { Readers = [.. Each(text).Select(SettingText.CountOrAuto)] }, problems);
        grid = Set(parsed, _chunks, "a list such as 1,10,100", grid, (g, text) => g with { Chunks = Counts(text) }, problems);
        grid = Set(parsed, _repeat, "a whole number, 1 or more", grid, (g, text) => g with { Repeat = SettingText.Count(text) }, problems);
        grid = Set(parsed, _pause, "a duration such as 5s or 0", grid, (g, text) => g with { Pause = SettingText.Duration(text) }, problems);
        if (parsed.GetValue(_whole)) grid = grid with { BatchRows = [1_000, 5_000, 20_000, 50_000] };
        grid = Set(parsed, _batchRows, "a list such as 1000,20000", grid, (g, text) => g with { BatchRows = Counts(text) }, problems);
        grid = Set(parsed, _writers, "a list such as 1,2", grid, (g, text) => g with { Writers = Counts(text) }, problems);
        foreach (Option<string?> option in (ReadOnlySpan<Option<string?>>)[_batchRows, _writers])
        {
            if (parsed.GetValue(option) is not null && !parsed.GetValue(_whole)) problems.Add(new SettingProblem(option.Name, "this has a meaning with --whole only."));
        }
        return problems.Count == 0 ? grid : throw new SettingsException(problems);
    }

    private static TuningGrid Set(
        ParseResult parsed, Option<string?> option, string allowed, TuningGrid grid, Func<TuningGrid, string, TuningGrid> apply, List<SettingProblem> problems)
    {
        if (parsed.GetValue(option) is not { } text) return grid;
        try
        {
            return apply(grid, text);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
        {
            problems.Add(new SettingProblem(option.Name, string.Create(CultureInfo.InvariantCulture, $"found '{text}', allowed is {allowed}.")));
            return grid;
        }
    }

    private static int[] Counts(string text) => [.. Each(text).Select(SettingText.Count)];

    private static string[] Each(string text) => text.Split(',', StringSplitOptions.TrimEntries);
}

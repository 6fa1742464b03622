using System.CommandLine;

namespace Dynamo.Pipeline.Host;

/// <summary>The options of <c>dynamo tune</c> that say what is measured.</summary>
internal sealed class TuneOptions
{
    private readonly Option<string?> _readers = ValueOption.Named(
        "--readers", "1,2,…", "Reader counts to try; auto is one too. Default: 1 to 8, 10, 12, 15, 18 and auto.");

    private readonly Option<string?> _chunks = ValueOption.Named(
        "--chunks", "1,10,…", "Files to hand to a reader at a time. Default: 1,10,50,100,500,1000,5000,10000.");

    private readonly Option<string?> _repeat = ValueOption.Named("--repeat", "N", "Sets; each measures every cell. Default: 5.");
    private readonly Option<string?> _pause = ValueOption.Named("--pause", "TIME", "Time between sets. Default: 5s.");
    private readonly Option<string?> _out = ValueOption.Named(
        "--out", "DIR", "Folder of the report; an interrupted sweep goes on there. Default: dynamo-tune");

    private readonly Option<bool> _quick = new("--quick")
    {
        Description = "Under a minute: few cells, three sets, and no more files than fit.",
    };

    private readonly Option<bool> _whole = new("--whole")
    {
        Description = "Sweep batch rows and writers of the whole pipeline too, into a temporary database.",
    };

    private readonly Option<string?> _batchRows = ValueOption.Named(
        "--batch-rows", "N,…", "Batch rows to try with --whole. Default: 1000,5000,20000,50000.");

    private readonly Option<string?> _writers = ValueOption.Named(
        "--writers", "1,…", "Writers to try with --whole, where the sink allows more than one (SQLite: one). Default: 1.");

    public TuneOptions(Command command)
    {
        Option[] all = [_readers, _chunks, _repeat, _pause, _out, _quick, _whole, _batchRows, _writers];
        foreach (Option option in all) command.Options.Add(option);
    }

    public string Folder(ParseResult parsed) => Path.GetFullPath(parsed.GetValue(_out) ?? "dynamo-tune");

    /// <exception cref="SettingsException">Something is wrong; the message lists everything.</exception>
    public TuningGrid Grid(ParseResult parsed)
    {
        var problems = new List<SettingProblem>();
        TuningGrid grid = parsed.GetValue(_quick) ? TuningGrid.Quick(Environment.ProcessorCount) : new TuningGrid();
        // Whoever names cells wants only those. The curve is then the matrix's first column.
        if (parsed.GetValue(_readers) is not null || parsed.GetValue(_chunks) is not null) grid = grid with { CurveReaders = [] };
        Set(_readers, "a list such as 1,2,4,auto", (g, text) => g with { Readers = [.. Each(text).Select(SettingText.CountOrAuto)] });
        Set(_chunks, "a list such as 1,10,100", (g, text) => g with { Chunks = Counts(text) });
        Set(_repeat, "a whole number, 1 or more", (g, text) => g with { Repeat = SettingText.Count(text) });
        Set(_pause, "a duration such as 5s or 0", (g, text) => g with { Pause = SettingText.Duration(text) });
        if (parsed.GetValue(_whole)) grid = grid with { BatchRows = [1_000, 5_000, 20_000, 50_000] };
        Set(_batchRows, "a list such as 1000,20000", (g, text) => g with { BatchRows = Counts(text) });
        Set(_writers, "a list such as 1,2", (g, text) => g with { Writers = Counts(text) });
        foreach (Option<string?> option in (ReadOnlySpan<Option<string?>>)[_batchRows, _writers])
        {
            if (parsed.GetValue(option) is not null && !parsed.GetValue(_whole))
                problems.Add(new SettingProblem(option.Name, "this has a meaning with --whole only."));
        }
        return problems.Count == 0 ? grid : throw new SettingsException(problems);

        void Set(Option<string?> option, string allowed, Func<TuningGrid, string, TuningGrid> apply) =>
            grid = ValueOption.Apply(parsed, option, allowed, grid, apply, problems);
    }

    private static int[] Counts(string text) => [.. Each(text).Select(SettingText.Count)];

    private static string[] Each(string text) => text.Split(',', StringSplitOptions.TrimEntries);
}

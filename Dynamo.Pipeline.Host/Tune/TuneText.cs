using System.Globalization;
using Spectre.Console;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The matrix and the answer for a terminal: in colour if the terminal has colours, and always with <c>*</c> for the best cell and <c>~</c>
/// for cells that are as good.
/// </summary>
internal static class TuneText
{
    private const int Cell = 9;

    public static void Write(TextWriter to, TuningResult result, TuneFolder folder)
    {
        if (result.WasCancelled)
            to.WriteLine($"Stopped after {Shown.Count(result.Samples.Count, "measurement")}. The same command goes on from there.");
        if (result.Read is not { } read) return;
        string share = result.Files.Files < result.Files.Ready ? $" (of {Shown.Count(result.Files.Ready)})" : "";
        foreach (string sentence in TuningWords.Answer(result)) to.WriteLine(sentence);
        to.WriteLine();
        to.WriteLine($"Mean seconds to read {Shown.Count(result.Files.Files, "file")}{share}, by readers and files at a time;");
        to.WriteLine("* the best, ~ as good: the difference may be chance");
        to.WriteLine();
        WriteMatrix(to, read, "readers", cell => cell.Readers, cell => cell.FilesPerMessage);
        if (result.Whole is { Cells.Count: > 1 } whole)
        {
            to.WriteLine();
            to.WriteLine("The whole pipeline, rows a batch:");
            to.WriteLine();
            WriteMatrix(to, whole, "writers", cell => cell.Writers, cell => cell.BatchRows);
        }
        to.WriteLine();
        if (result.BadFiles > 0)
            to.WriteLine($"{Shown.Count(result.BadFiles, "file")} cannot be imported: dynamo run --dry-run says why.");
        to.WriteLine();
        to.WriteLine($"report    {Shown.Path(folder.Report)}");
        to.WriteLine($"settings  {Shown.Path(folder.Settings)}  (dynamo run --settings FILE)");
    }

    private static void WriteMatrix(
        TextWriter to, TuningAnalysis analysis, string rows, Func<TuningCell, int?> row, Func<TuningCell, int> column)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(to) });
        bool isColored = !Console.IsOutputRedirected && console.Profile.Capabilities.ColorSystem != ColorSystem.NoColors;
        int[] columns = [.. analysis.Cells.Select(cell => column(cell.Cell)).Distinct().Order()];
        to.WriteLine("  " + rows.PadRight(8) + string.Concat(columns.Select(value => Shown.Count(value).PadLeft(Cell))));
        ILookup<int?, TuningVerdict> lines = analysis.Cells.ToLookup(cell => row(cell.Cell));
        int most = lines.Max(line => line.Count());
        // Reader counts that only the curve has are shown in the report.
        foreach (var line in lines.Where(line => line.Count() > 1 || most == 1).OrderBy(line => line.Key ?? int.MaxValue))
        {
            to.Write("  " + (line.Key?.ToString(CultureInfo.InvariantCulture) ?? "auto").PadRight(8));
            foreach (int value in columns)
                WriteCell(to, console, isColored, analysis, line.FirstOrDefault(cell => column(cell.Cell) == value));
            to.WriteLine();
        }
    }

    private static void WriteCell(TextWriter to, IAnsiConsole console, bool isColored, TuningAnalysis analysis, TuningVerdict cell)
    {
        bool isBest = cell == analysis.Best;
        string text = cell.Seconds.Count == 0 ? "" : cell.Seconds.Mean.ToString("0.000", CultureInfo.InvariantCulture);
        string marked = (text + (isBest ? "*" : text.Length > 0 && cell.IsLikeBest ? "~" : " ")).PadLeft(Cell);
        if (!isColored || text.Length == 0)
        {
            to.Write(marked);
            return;
        }
        HeatColor color = HeatColor.Of(cell, analysis);
        var background = new Color(color.R, color.G, color.B);
        Style style = isBest ? new Style(Color.White, background, Decoration.Bold) : new Style(Color.Black, background);
        console.Write(new Text(marked, style));
    }
}

using Dynamo.Pipeline.Host;
using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// The published matrix for our read step and for pool_read_file.py: a set of one, then a set of the other, so that drift of the
/// machine favours nobody. Both
/// keep their measurements in OUT and go on where they were interrupted. Theirs counts what the script counts: the pool's start and
/// end, and the map.
/// </summary>
internal static class TuneComparison
{
    public static async Task<int> RunAsync(string folder, string outcome, int repeat, string? host)
    {
        host = Machine.Host(host);
        Peers peers = await Peers.ScriptsAsync();
        Machine.Describe(folder, host, peers);
        Directory.CreateDirectory(outcome);
        string ours = Path.Combine(outcome, "ours");
        using var theirs = Measurements.Open(Path.Combine(outcome, "pool.csv"));
        // auto is ours alone.
        var grid = new TuningGrid { CurveReaders = [], Repeat = repeat };
        grid = grid with { Readers = [.. grid.Readers.Where(readers => readers is not null)] };
        FileInfo[] all = Machine.Files(folder);
        (int files, long bytes) = (all.Length, all.Sum(file => file.Length));
        for (int set = 1; set <= repeat; set++)
        {
            await Child.RunAsync(
                host, "tune", "--source", folder, "--out", ours, "--readers", string.Join(',', grid.Readers), "--chunks",
                string.Join(',', grid.Chunks), "--repeat", Text(set), "--pause", "0", "--json");
            if (peers.Python is not { } python) continue;
            foreach (
                (TuningCell cell, int run) in grid.Order(set).Where(
                    next => !theirs.Samples.Any(sample => sample.Cell == next.Cell && sample.Set == set)))
            {
                DateTime started = DateTime.UtcNow;
                Child.Figures figures = await Child.RunAsync(
                    python, peers.PoolReadFile, folder, cell.ReadersText, Text(cell.FilesPerMessage), "1");
                theirs.Add(new TuningSample(cell, set, run, files, files, 0, bytes, Child.OwnSeconds(figures.Output), started));
            }
            Console.Error.WriteLine($"set {set} of {repeat}");
        }
        if (peers.Python is null)
        {
            Console.WriteLine($"Ours alone is in {ours}.");
            return 0;
        }
        using var mine = Measurements.Open(Path.Combine(ours, "measurements.csv"));
        string table = Table(
            TuningAnalysis.Of(mine.Samples, TuningStage.Read)!, TuningAnalysis.Of(theirs.Samples, TuningStage.Read)!, grid);
        await File.WriteAllTextAsync(Path.Combine(outcome, "both.md"), table);
        Console.Write(table);
        return 0;
    }

    private static string Table(TuningAnalysis ours, TuningAnalysis theirs, TuningGrid grid)
    {
        var text = new StringBuilder("Mean seconds, ours / theirs; readers (workers) down, files a message (chunk size) across.\n\n| |");
        foreach (int chunk in grid.Chunks) text.Append(CultureInfo.InvariantCulture, $" {chunk:N0} |");
        text.Append("\n|---|").AppendJoin("", grid.Chunks.Select(_ => "---|"));
        foreach (int? readers in grid.Readers)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n| {readers} |");
            foreach (int chunk in grid.Chunks)
                text.Append(' ').Append(Seconds(ours, readers, chunk)).Append(" / ").Append(Seconds(theirs, readers, chunk)).Append(" |");
        }
        double best = ours.Best.Seconds.Mean, plain = ours.Find(TuningCell.Read(1, 1))!.Value.Seconds.Mean;
        double worst = ours.Cells.Where(cell => cell.Cell.Readers is not null).Max(cell => cell.Seconds.Mean);
        text.Append(
            CultureInfo.InvariantCulture,
            $"\n\nBest against best: {theirs.Best.Seconds.Mean / best:0.0} times as fast. Worst against worst: "
                + $"{theirs.Worst.Seconds.Mean / worst:0.0} times.\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"Our 1 reader × 1 file ({plain:0.000} s) against their best ({Named(theirs.Best)}): "
                + $"{theirs.Best.Seconds.Mean / plain:0.0} times. Our worst cell ({worst:0.000} s) against it: "
                + $"{theirs.Best.Seconds.Mean / worst:0.0} times.\n");
        return text.ToString();
    }

    private static string Seconds(TuningAnalysis analysis, int? readers, int chunk)
    {
        if (analysis.Find(TuningCell.Read(readers, chunk)) is not { } cell) return "–";
        string seconds = cell.Seconds.Mean.ToString("0.00", CultureInfo.InvariantCulture);
        return cell.Cell == analysis.Best.Cell ? $"**{seconds}**" : seconds;
    }

    private static string Named(TuningVerdict cell) =>
        string.Create(
            CultureInfo.InvariantCulture, $"{cell.Cell.ReadersText} × {cell.Cell.FilesPerMessage:N0}, {cell.Seconds.Mean:0.000} s");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

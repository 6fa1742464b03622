namespace Dynamo.Pipeline.Host;

/// <summary>
/// The published Figure 4: a table coloured from green to red. The best cell is in bold white; cells that are as good have a frame.
/// </summary>
internal static class MatrixTable
{
    public static string Of(
        TuningAnalysis analysis, string id, string rowsName, string columnsName, Func<TuningCell, int?> row, Func<TuningCell, int> column)
    {
        ILookup<int?, TuningVerdict> lines = analysis.Cells.ToLookup(cell => row(cell.Cell));
        // Reader counts that only the curve has are shown in the curve.
        int most = lines.Max(line => line.Count());
        int[] columns = [.. analysis.Cells.Select(cell => column(cell.Cell)).Distinct().Order()];
        string names = string.Concat(columns.Select(value => $"<th scope=\"col\">{Shown.Count(value)}</th>"));
        var html = new Html().Add($"""<div class="wide"><table class="heat" id="{id}">""");
        html.Add($"""<thead><tr><th></th><th colspan="{columns.Length}">{columnsName}</th></tr>""");
        html.Add($"""<tr><th>{rowsName}</th>{names}</tr></thead><tbody>""");
        foreach (var line in lines.Where(line => line.Count() > 1 || most == 1).OrderBy(line => line.Key ?? int.MaxValue))
        {
            html.Add($"""<tr><th scope="row">{(line.Key is { } value ? Shown.Count(value) : "auto")}</th>""");
            foreach (int at in columns) Cell(html, analysis, line.FirstOrDefault(cell => column(cell.Cell) == at));
            html.Raw("</tr>");
        }
        return html.Raw("</tbody></table></div>").ToString();
    }

    private static void Cell(Html html, TuningAnalysis analysis, TuningVerdict cell)
    {
        Summary s = cell.Seconds;
        if (s.Count == 0)
        {
            html.Raw("<td></td>");
            return;
        }
        bool isBest = cell == analysis.Best;
        string kind = isBest ? " class=\"best\"" : cell.IsLikeBest ? " class=\"like\"" : "";
        string mark = !isBest && cell.IsLikeBest ? "<span class=\"mark\">≈ </span>" : "";
        string told = isBest ? "the best" : cell.IsLikeBest ? "as good as the best: the difference may be chance" : "slower than the best";
        string settings = FormattableString.Invariant($"{cell.Cell.ReadersText} readers, {cell.Cell.FilesPerMessage} files at a time");
        string times = FormattableString.Invariant(
            $"mean {s.Mean:0.0000} s, median {s.Median:0.0000} s, standard deviation {s.StandardDeviation:0.0000} s");
        string spread = $"{Shown.Seconds(s.Median)} ± {Shown.Seconds(s.StandardDeviation)}";
        html.Add($"""
            <td{kind} style="background:{HeatColor.Of(cell, analysis)}" data-mean="{s.Mean:R}"
              title="{settings}: {times}, {s.Count} measurements; {told}"
              >{mark}{Shown.Seconds(s.Mean)}<small>{spread}<br>{s.Count}×</small></td>
            """);
    }
}

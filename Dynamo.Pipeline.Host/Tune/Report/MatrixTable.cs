namespace Dynamo.Pipeline.Host;

/// <summary>The published Figure 4: a table coloured from green to red, its best cell in bold white, and those framed that cannot be told from it.</summary>
internal static class MatrixTable
{
    public static string Of(TuningAnalysis analysis, string id, string rowsName, string columnsName, Func<TuningCell, int?> row, Func<TuningCell, int> column)
    {
        ILookup<int?, TuningVerdict> lines = analysis.Cells.ToLookup(cell => row(cell.Cell));
        // What only the curve has is shown there.
        int most = lines.Max(line => line.Count());
        int[] columns = [.. analysis.Cells.Select(cell => column(cell.Cell)).Distinct().Order()];
        var html = new Html().Add($"""<div class="wide"><table class="heat" id="{id}">""");
        html.Add($"""<thead><tr><th></th><th colspan="{columns.Length}">{columnsName}</th></tr><tr><th>{rowsName}</th>{string.Concat(columns.Select(value => $"<th scope=\"col\">{Html.Count(value)}</th>"))}</tr></thead><tbody>""");
        foreach (IGrouping<int?, TuningVerdict> line in lines.Where(line => line.Count() > 1 || most == 1).OrderBy(line => line.Key ?? int.MaxValue))
        {
            html.Add($"""<tr><th scope="row">{(line.Key is { } value ? Html.Count(value) : "auto")}</th>""");
            foreach (int at in columns) html.Raw(Cell(analysis, line.FirstOrDefault(cell => column(cell.Cell) == at)));
            html.Raw("</tr>");
        }
        return html.Raw("</tbody></table></div>").ToString();
    }

    private static string Cell(TuningAnalysis analysis, TuningVerdict cell)
    {
        if (cell.Seconds.Count == 0) return "<td></td>";
        bool isBest = cell == analysis.Best;
        HeatColor color = isBest ? HeatColor.Best : HeatColor.Of(cell.Seconds.Mean, analysis.Best.Seconds.Mean, analysis.Worst.Seconds.Mean);
        string kind = isBest ? " class=\"best\"" : cell.IsLikeBest ? " class=\"like\"" : "";
        string mark = !isBest && cell.IsLikeBest ? "≈ " : "";
        Summary s = cell.Seconds;
        string told = isBest ? "the best" : cell.IsLikeBest ? "cannot be told from the best" : "slower than the best";
        return FormattableString.Invariant(
            $"<td{kind} style=\"background:{color}\" data-mean=\"{s.Mean:R}\" title=\"{cell.Cell.ReadersText} readers, {cell.Cell.FilesPerMessage} files a message: mean {s.Mean:0.0000} s, median {s.Median:0.0000} s, standard deviation {s.StandardDeviation:0.0000} s, {s.Count} measurements; {told}\">{mark}{Html.Seconds(s.Mean)}<small>{Html.Seconds(s.Median)} ± {Html.Seconds(s.StandardDeviation)}<br>{s.Count}×</small></td>");
    }
}

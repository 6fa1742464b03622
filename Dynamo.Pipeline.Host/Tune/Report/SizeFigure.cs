namespace Dynamo.Pipeline.Host;

/// <summary>The files by size, on a logarithmic scale, so that the few large files can be seen.</summary>
internal static class SizeFigure
{
    private const double Width = 940, Height = 150, Bottom = 24, Top = 22;

    private const string Caption = "Files by size: each bar from the size below it up to twice that. The height is logarithmic.";

    public static string Svg(FileFacts files)
    {
        int[] used = [.. Enumerable.Range(0, files.Histogram.Count).Where(i => files.Histogram[i] > 0)];
        if (used.Length == 0) return "";
        int first = used[0], count = used[^1] - first + 1;
        double slot = Math.Min(90, Width / count), most = Math.Log(files.Histogram.Max() + 1);
        var svg = new Html().Add($"""<figure class="wide"><svg viewBox="0 0 {Width} {Height}" role="img" aria-label="Files by size">""");
        for (int i = 0; i < count; i++)
        {
            int n = files.Histogram[first + i];
            double height = Math.Log(n + 1) / most * (Height - Top - Bottom), x = i * slot, middle = x + (slot / 2);
            double top = Height - Bottom - height;
            string size = Shown.Size(Math.Pow(2, first + i));
            svg.Add($"""
                <rect x="{x + 3:F1}" y="{top:F1}" width="{slot - 6:F1}" height="{height:F1}" rx="2" fill="var(--chunk)"/>
                <text class="soft small" x="{middle:F1}" y="{Height - 8}" text-anchor="middle">{size}</text>
                """);
            if (n == 0) continue;
            svg.Add($"""<text class="small" x="{middle:F1}" y="{top - 5:F1}" text-anchor="middle">{Shown.Count(n)}</text>""");
        }
        return svg.Raw($"</svg><figcaption>{Caption}</figcaption></figure>").ToString();
    }
}

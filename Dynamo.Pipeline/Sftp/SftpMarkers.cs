namespace Dynamo.Pipeline.Sftp;

/// <summary>The files and done-markers of one folder, matched when both are known.</summary>
internal sealed class SftpMarkers(string ending)
{
    private readonly List<SourceFile> _files = [];
    private readonly Dictionary<string, DateTime> _markers = new(StringComparer.Ordinal);

    public void Add(SourceFile file, bool isMarker)
    {
        if (isMarker) _markers[file.Path] = file.ModifiedUtc;
        else _files.Add(file);
    }

    public IEnumerable<SourceFile> Verdicts()
    {
        foreach (SourceFile file in _files)
            yield return file.DeferReason is null ? file with { DeferReason = Reason(file) } : file;
    }

    private string? Reason(SourceFile file)
    {
        if (!_markers.TryGetValue(file.Path + ending, out DateTime marked)) return "no done marker yet";
        return marked < file.ModifiedUtc ? "changed after its done marker" : null;
    }
}

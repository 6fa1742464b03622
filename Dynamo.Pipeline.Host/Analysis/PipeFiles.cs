using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Reads the files that say where nodes are (<c>node,x,y</c>) and which pipes join them (<c>pipe,from,to,length</c>). The names of numbers
/// may end with their unit, metres: <c>x_m</c>.
/// </summary>
internal static class PipeFiles
{
    /// <exception cref="SettingsException">A file cannot be read, or what is in it fits nothing.</exception>
    public static PipeGraph Read(string nodes, string pipes)
    {
        IReadOnlyList<(Place Row, long Line)> places =
            SideFile.Read<Place>(AreaSettings.Key, nodes, Columns(nodes, "node", "x", "y"), ParseNode);
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach ((Place place, long line) in places)
            if (!known.Add(place.Name)) throw Wrong(nodes, line, "node", place.Name, "each node once");
        IReadOnlyList<(Pipe Row, long Line)> found =
            SideFile.Read<Pipe>(AreaSettings.Key, pipes, Columns(pipes, "pipe", "from", "to", "length"), ParsePipe);
        foreach ((Pipe pipe, long line) in found)
        {
            string node = $"a node of {Path.GetFileName(nodes)}";
            if (!known.Contains(pipe.From)) throw Wrong(pipes, line, "from", pipe.From, node);
            if (!known.Contains(pipe.To)) throw Wrong(pipes, line, "to", pipe.To, node);
        }
        return found.Count == 0 ? throw new SettingsException(AreaSettings.Key, $"{Shown.Path(pipes)} has no pipes.")
            : new PipeGraph(places.Select(place => place.Row), found.Select(pipe => pipe.Row));
    }

    /// <summary>The columns as the file's header has them.</summary>
    private static string[] Columns(string path, params string[] names)
    {
        string[] found = SideFile.Header(path);
        return [.. names.Select(name => found.Contains(name + "_m", StringComparer.OrdinalIgnoreCase) ? name + "_m" : name)];
    }

    private static SettingsException Wrong(string path, long line, string column, string found, string expected) => SideFile.Wrong(
        AreaSettings.Key, path, new Defect("it fits nothing") { Line = line, Column = column, Found = found, Expected = expected });

    private static Defect? ParseNode(in CsvRecord line, out Place row)
    {
        row = line.TryName(0, out string? name, out Defect? defect)
            && line.TryDouble(1, out double x, out defect) && line.TryDouble(2, out double y, out defect) ? new Place(name, x, y) : null!;
        return defect;
    }

    private static Defect? ParsePipe(in CsvRecord line, out Pipe row)
    {
        row = line.TryName(0, out string? name, out Defect? defect) && line.TryName(1, out string? from, out defect)
            && line.TryName(2, out string? to, out defect) && line.TryDouble(3, out double length, out defect)
            ? new Pipe(name, from, to, length) : null!;
        return defect ?? (row.Length > 0 ? null : line.Defect(3, "it is no length", "a number above 0"));
    }
}

namespace Dynamo.Pipeline.Host;

/// <summary>A CSV file beside the configuration, which is read as a whole by the library's own reader, with its messages.</summary>
internal static class SideFile
{
    private const int MostRows = 10_000_000;

    /// <summary>Reads the rows, each with its line.</summary>
    /// <param name="key">The setting or option that names the file.</param>
    /// <param name="path">The file.</param>
    /// <param name="columns">Its columns, which may be in any order, with others between them.</param>
    /// <param name="parse">Makes a row of a line.</param>
    /// <exception cref="SettingsException">The file cannot be read, or what is in it is wrong.</exception>
    public static IReadOnlyList<(TRow Row, long Line)> Read<TRow>(
        string key, string path, IReadOnlyList<string> columns, CsvRecordParser<TRow> parse)
    {
        var format = new CsvFormat<TRow>(columns, parse, new CsvText { Separator = CsvText.Detected });
        var rows = new RowBatch<TRow>();
        try
        {
            using var content = new FileContent(File.ReadAllBytes(path));
            using IRowReader<TRow> reader = format.Open(new SourceFile(Path.GetFileName(path), content.Bytes.Length, default), content);
            // It is in memory: nothing is waited for.
            while (reader.ReadAsync(rows, MostRows, CancellationToken.None).AsTask().GetAwaiter().GetResult()) { }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(key, $"{Shown.Path(path)} cannot be read: {error.Message}");
        }
        catch (BadFileException error)
        {
            throw Wrong(key, path, error.Defect);
        }
        if (rows.Rejects.Count > 0) throw Wrong(key, path, rows.Rejects[0]);
        return [.. rows.Rows.Select((row, i) => (row, rows.Lines[i]))];
    }

    /// <summary>The names in the first line; none if it cannot be read, which reading it says.</summary>
    public static string[] Header(string path)
    {
        try
        {
            return [.. File.ReadLines(path).FirstOrDefault("").Split(',', ';', '\t').Select(name => name.Trim().Trim('"'))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>What is wrong with a file, in the words of the defects of an import.</summary>
    public static SettingsException Wrong(string key, string path, Defect defect) =>
        new(key, $"{Shown.Path(path)}: {Shown.Name(defect.ToString())}");
}

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The settings that stand for the library's options: its messages name these to people who have a configuration and no C#.
/// </summary>
internal static class OptionSettings
{
    // Settings that are not called as the option is.
    private static readonly Dictionary<string, string> s_others = new(StringComparer.Ordinal)
    {
        [nameof(PipelineOptions.FilesPerMessage)] = "chunk",
        [nameof(PipelineOptions.KeepRawText)] = "rejects:text",
        [nameof(FileSourceOptions.SettleTime)] = "settle",
        [nameof(FileSourceOptions.AfterCommit)] = "after",
        [nameof(FileSourceOptions.ArchiveFolder)] = "archive",
        [nameof(FileSourceOptions.QuarantineFolder)] = "quarantine",
        [nameof(SqliteSinkOptions.LedgerTable)] = "table:ledger",
        [nameof(SqliteSinkOptions.RunTable)] = "table:runs",
        [nameof(SqliteSinkOptions.RejectTable)] = "table:rejects",
        [nameof(SqliteSinkOptions.OverlapTable)] = "table:overlaps",
        [nameof(SqliteSinkOptions.FileColumn)] = "table:file",
        [nameof(SqliteSinkOptions.SchemaTable)] = "table:schema",
        [nameof(SqlServerSinkOptions.AccessTokenCallback)] = "sqlserver:accessTokenCommand",
        [nameof(SqlServerSinkOptions.LeaseFor)] = "queue:lease",
        [nameof(CsvText.HasHeader)] = "format:header",
        [nameof(CsvText.HasUnits)] = "format:unitsRow",
        [nameof(CsvText.HasShortLines)] = "format:shortLines",
        [nameof(ReadingFormat.Layout)] = "format:shape",
        [nameof(ReadingFormat.DecimalSeparator)] = "format:decimal",
        [nameof(ReadingFormat.ThousandsSeparator)] = "format:thousands",
        [nameof(ReadingFormat.NullTokens)] = "format:nulls",
        [nameof(ReadingFormat.RepeatsDate)] = "format:repeatDate",
    };

    /// <param name="option">The type and the property, such as <c>CsvText.Separator</c>.</param>
    /// <returns>The setting's key; <see langword="null"/>: there is none.</returns>
    public static string? KeyOf(string option)
    {
        string[] parts = option.Split('.');
        if (s_others.TryGetValue(parts[^1], out string? other)) return other;
        string name = char.ToLowerInvariant(parts[^1][0]) + parts[^1][1..];
        string section = parts[0] switch
        {
            nameof(SftpSourceOptions) => "sftp:",
            nameof(SqlServerSinkOptions) => "sqlserver:",
            nameof(WatchOptions) => "watch:",
            nameof(CsvText) or nameof(ReadingFormat) or "Format" => "format:",
            _ => "",
        };
        // What several of them have goes by one setting without a section.
        return ((string[])[section + name, section == "format:" ? "" : name])
            .FirstOrDefault(key => key.Length > 0 && SettingCatalogue.Find(key) is not null)
            // A field's source is an object.
            ?? (section == "format:" && SettingCatalogue.Find($"{section}{name}:constant") is not null ? section + name : null);
    }
}

using System.Text.Json;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Which loggers were told to be late, so that each is told once. It is kept in the folder of the notices: a process that is started again
/// tells none of them again. Used by one thread at a time.
/// </summary>
internal sealed class ToldLate
{
    /// <summary>Two hundred thousand long names.</summary>
    private const long MostBytes = 64 << 20;

    private readonly string _path;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private bool _isChanged;

    /// <param name="folder">The folder of the notices.</param>
    public ToldLate(string folder)
    {
        _path = Path.Combine(folder, "late-loggers.told");
        try
        {
            if (new FileInfo(_path) is not { Exists: true, LinkTarget: null, Length: <= MostBytes }) return;
            using JsonDocument told = JsonDocument.Parse(File.ReadAllBytes(_path));
            foreach (JsonElement name in told.RootElement.GetProperty("loggers").EnumerateArray().Take(LoggerBook.Most))
                _told.Add(name.GetString() ?? "");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException
            or KeyNotFoundException)
        {
            // What cannot be read was not told: once too often is better than never.
            _told.Clear();
        }
    }

    /// <summary>What is to be told now.</summary>
    /// <param name="late">All that are late.</param>
    /// <param name="of">One that is in time; <see langword="null"/>: it is not known to be.</param>
    public (LoggerState[] Newly, LoggerState[] Again) Take(IReadOnlyList<LoggerState> late, Func<string, LoggerState?> of)
    {
        var names = late.Select(logger => logger.Name).ToHashSet(StringComparer.Ordinal);
        LoggerState[] newly = [.. late.Where(logger => !_told.Contains(logger.Name))];
        LoggerState[] again = [.. _told.Where(name => !names.Contains(name)).Select(of).OfType<LoggerState>()];
        _told.UnionWith(newly.Select(logger => logger.Name));
        _told.ExceptWith(again.Select(logger => logger.Name));
        _isChanged |= newly.Length + again.Length > 0;
        return (newly, again);
    }

    /// <summary>Keeps what was taken. Call it when the notices are in the folder.</summary>
    /// <returns>Why it could not be kept.</returns>
    public string? Keep()
    {
        if (!_isChanged) return null;
        _isChanged = false;
        string text = JsonText.Of(json =>
        {
            json.WriteNumber("version", StatusBoard.Version);
            json.WriteStartArray("loggers");
            foreach (string name in _told.Order(StringComparer.Ordinal)) json.WriteStringValue(name);
            json.WriteEndArray();
        });
        try
        {
            OwnFile.Write(_path, text, OwnFile.Private);
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.Message;
        }
    }
}

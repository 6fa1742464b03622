using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The raw data of a sweep, in a CSV file that only grows: a line for each measurement, written through as soon as it is made. A sweep that is interrupted goes on
/// from there; a line that was cut off is dropped and measured again. One writer at a time; not thread-safe.
/// </summary>
internal sealed class Measurements : IDisposable
{
    /// <summary>The first line of the file.</summary>
    public const string Header = "stage,readers,chunk,batchRows,writers,set,run,files,ready,rows,bytes,seconds,startedUtc";

    private readonly FileStream _file;
    private readonly List<TuningSample> _samples = [];

    private Measurements(FileStream file) => _file = file;

    /// <summary>All measurements: those that were found, and those that were added since.</summary>
    public IReadOnlyList<TuningSample> Samples => _samples;

    /// <summary>Opens the file and reads what is in it; creates it when it is missing.</summary>
    /// <param name="path">The file. Its folder must exist.</param>
    /// <returns>The measurements.</returns>
    /// <exception cref="IOException">The file cannot be read or written, or somebody else has it open.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    /// <exception cref="InvalidDataException">The file is something else; the message names the line.</exception>
    public static Measurements Open(string path)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            var measurements = new Measurements(file);
            measurements.Read(path);
            return measurements;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Adds a measurement. It is in the file when the method returns.</summary>
    /// <param name="sample">The measurement.</param>
    public void Add(TuningSample sample)
    {
        Write(Line(sample));
        _samples.Add(sample);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Read(string path)
    {
        byte[] bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int whole = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
        _file.SetLength(whole);
        string[] lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n');
        if (whole == 0) Write(Header);
        else if (lines[0].TrimEnd('\r') != Header) throw new InvalidDataException($"{path}, line 1: this is no file of measurements; expected '{Header}'.");
        for (int i = 1; i < lines.Length - 1; i++)
            _samples.Add(Parse(lines[i].TrimEnd('\r')) ?? throw new InvalidDataException($"{path}, line {i + 1}: this is no measurement; remove the line, or the file."));
    }

    private void Write(string line)
    {
        _file.Seek(0, SeekOrigin.End);
        _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
        _file.Flush();
    }

    private static string Line(TuningSample s) => string.Create(CultureInfo.InvariantCulture,
        $"{(s.Cell.Stage == TuningStage.Read ? "read" : "whole")},{s.Cell.ReadersText},{s.Cell.FilesPerMessage},{s.Cell.BatchRows},{s.Cell.Writers},{s.Set},{s.Run},{s.Files},{s.Ready},{s.Rows},{s.Bytes},{s.Seconds:F6},{s.StartedUtc:yyyy-MM-ddTHH:mm:ss.fffZ}");

    private static TuningSample? Parse(string line)
    {
        string[] f = line.Split(',');
        if (f.Length != 13 || f[0] is not ("read" or "whole")) return null;
        int?[] counts = [.. f[2..9].Select(Count)];
        bool auto = f[1] == "auto";
        int? readers = Count(f[1]);
        if (counts.Contains(null) || (readers is null && !auto)) return null;
        if (!long.TryParse(f[9], NumberStyles.None, CultureInfo.InvariantCulture, out long rows) || !long.TryParse(f[10], NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            || !double.TryParse(f[11], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
            || !DateTime.TryParse(f[12], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out DateTime started)) return null;
        var cell = new TuningCell(f[0] == "read" ? TuningStage.Read : TuningStage.Whole, readers, counts[0]!.Value, counts[1]!.Value, counts[2]!.Value);
        return new TuningSample(cell, counts[3]!.Value, counts[4]!.Value, counts[5]!.Value, counts[6]!.Value, rows, bytes, seconds, started);
    }

    private static int? Count(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 ? count : null;
}

using System.Globalization;
using System.Text;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// The raw data of a sweep, in a CSV file that only grows: one line for each measurement, written as soon as it is made. A sweep that was
/// interrupted goes on from there. A line that was cut off is removed and measured again. One writer at a time; not thread-safe.
/// </summary>
internal sealed class Measurements : IDisposable
{
    public const string Header = "stage,readers,chunk,batchRows,writers,set,run,files,ready,rows,bytes,seconds,startedUtc";

    private readonly FileStream _file;
    private readonly List<TuningSample> _samples = [];

    private Measurements(FileStream file) => _file = file;

    /// <summary>All measurements: those from the file, and those that were added.</summary>
    public IReadOnlyList<TuningSample> Samples => _samples;

    /// <summary>Opens the file and reads it. Creates it if it is missing; its folder must exist.</summary>
    /// <exception cref="IOException">The file cannot be read or written, or another process has it open.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    /// <exception cref="InvalidDataException">The file holds something else; the message names the line.</exception>
    public static Measurements Open(string path)
    {
        FileStream file = OwnFile.OpenOrCreate(path, OwnFile.Shared);
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
    public void Add(TuningSample sample)
    {
        Write(Line(sample));
        _samples.Add(sample);
    }

    public void Dispose() => _file.Dispose();

    private void Read(string path)
    {
        byte[] bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int whole = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
        _file.SetLength(whole);
        string[] lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n');
        if (whole == 0) Write(Header);
        else if (lines[0].TrimEnd('\r') != Header)
            throw new InvalidDataException($"{path}, line 1: this is no file of measurements; expected '{Header}'.");
        for (int i = 1; i < lines.Length - 1; i++)
        {
            TuningSample? sample = Parse(lines[i].TrimEnd('\r'));
            _samples.Add(sample ?? throw new InvalidDataException(
                $"{path}, line {i + 1}: this is no measurement; remove the line, or the file."));
        }
    }

    private void Write(string line)
    {
        _file.Seek(0, SeekOrigin.End);
        _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
        _file.Flush();
    }

    private static string Line(TuningSample s)
    {
        string stage = s.Cell.Stage == TuningStage.Read ? "read" : "whole";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{stage},{s.Cell.ReadersText},{s.Cell.FilesPerMessage},{s.Cell.BatchRows},{s.Cell.Writers},"
            + $"{s.Set},{s.Run},{s.Files},{s.Ready},{s.Rows},{s.Bytes},{s.Seconds:F6},{s.StartedUtc:yyyy-MM-ddTHH:mm:ss.fffZ}");
    }

    private static TuningSample? Parse(string line)
    {
        string[] f = line.Split(',');
        if (f.Length != 13 || f[0] is not ("read" or "whole")) return null;
        int?[] counts = [.. f[2..9].Select(Count)];
        bool auto = f[1] == "auto";
        int? readers = Count(f[1]);
        if (counts.Contains(null) || (readers is null && !auto)) return null;
        if (!long.TryParse(f[9], NumberStyles.None, CultureInfo.InvariantCulture, out long rows)
            || !long.TryParse(f[10], NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            || !double.TryParse(f[11], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
            || !DateTime.TryParse(f[12], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out DateTime started))
            return null;
        int[] n = [.. counts.OfType<int>()];
        var cell = new TuningCell(f[0] == "read" ? TuningStage.Read : TuningStage.Whole, readers, n[0], n[1], n[2]);
        return new TuningSample(cell, n[3], n[4], n[5], n[6], rows, bytes, seconds, started);
    }

    private static int? Count(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 ? count : null;
}

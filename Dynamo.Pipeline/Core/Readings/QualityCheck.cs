using System.Text;

namespace Dynamo.Pipeline.Readings;

/// <summary>Checks the quality code of a line. Immutable.</summary>
internal sealed class QualityCheck
{
    private readonly QualityColumn _quality;
    private readonly byte[][] _accepted;

    private QualityCheck(QualityColumn quality, int column)
    {
        (_quality, Column) = (quality, column);
        _accepted = [.. quality.Accepted.Select(code => Encoding.UTF8.GetBytes(code.Trim()))];
    }

    public int Column { get; }

    public static QualityCheck? Of(ReadingFormat format, CsvHeader header, string expected) =>
        format.Quality is { IsForEachChannel: false } quality ? new QualityCheck(quality, header.Column(quality.Column, expected)) : null;

    /// <summary>
    /// The checks of the channels of a wide file that has a quality column for each, in the order of <paramref name="cells"/>; null for a
    /// channel without one. Null if the format has one column for all.
    /// </summary>
    public static QualityCheck?[]? ForEach(ReadingFormat format, CsvHeader header, IReadOnlyList<int> cells)
    {
        if (format.Quality is not { IsForEachChannel: true } quality) return null;
        return [.. cells.Select(cell => ColumnOf(quality, header, cell) is var column and >= 0 ? new QualityCheck(quality, column) : null)];
    }

    /// <summary>The quality column of a channel's column, or -1.</summary>
    private static int ColumnOf(QualityColumn quality, CsvHeader header, int cell)
    {
        string name = quality.Column.Replace("*", header.Names[cell], StringComparison.Ordinal);
        int found = -1;
        for (int i = 0; i < header.Count && found < 0; i++)
            if (i != cell && header.Names[i].Equals(name, StringComparison.OrdinalIgnoreCase)) found = i;
        return found;
    }

    /// <summary>Whether to read the readings of a line. If not, they have already been rejected or skipped.</summary>
    /// <param name="record">The line.</param>
    /// <param name="readings">How many readings the line has.</param>
    /// <param name="rows">Counts the readings that are skipped, flagged or rejected.</param>
    public bool Accept(in CsvRecord record, int readings, RowBatch<Reading> rows)
    {
        ReadOnlySpan<byte> code = record.Field(Column);
        foreach (byte[] accepted in _accepted)
            if (code.Length == accepted.Length && (code.SequenceEqual(accepted) || Ascii.EqualsIgnoreCase(code, accepted))) return true;
        if (_quality.Otherwise == DoubtfulReading.Skip)
        {
            rows.Skip(readings);
            return false;
        }
        Defect defect = record.Defect(Column, "the quality code is not accepted", $"one of {string.Join(", ", _quality.Accepted)}");
        if (_quality.Otherwise == DoubtfulReading.Flag)
        {
            for (int i = 0; i < readings; i++) rows.Flag(defect);
            return true;
        }
        rows.Reject(defect);
        return false;
    }
}

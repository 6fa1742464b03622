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
        format.Quality is { } quality ? new QualityCheck(quality, header.Column(quality.Column, expected)) : null;

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

using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>The fields of a line that are separated by spaces: the engine sees an empty field between two spaces, here they are one separator.</summary>
internal sealed class SpacedFields
{
    /// <summary>The engine's index of each field of the last line that was looked at.</summary>
    public int[] Places { get; private set; } = new int[8];

    /// <summary>Finds the fields of a line.</summary>
    /// <returns>How many there are.</returns>
    public int Find(CsvReader csv)
    {
        int found = 0;
        for (int i = 0; i < csv.FieldCount; i++)
        {
            if (csv.GetRawSpan(i).IsEmpty) continue;
            if (found == Places.Length)
            {
                int[] more = new int[found * 2];
                Places.CopyTo(more, 0);
                Places = more;
            }
            Places[found++] = i;
        }
        return found;
    }
}

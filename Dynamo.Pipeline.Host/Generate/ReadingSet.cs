using System.Collections;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Which readings of one logger are in its files: one bit for each step and channel, so that a long history needs little memory.
/// </summary>
internal sealed class ReadingSet(int channels, int firstStep, int lastStep)
{
    private readonly BitArray _bits = new(checked((lastStep - firstStep + 1) * channels));

    public int Count { get; private set; }

    /// <summary>Adds the readings that an import loads from a file.</summary>
    public void Add(LoggerFile file)
    {
        int first = (file.FirstStep - firstStep) * channels;
        for (int row = 0; row < file.Rows; row++)
        {
            if (!file.Loads(row) || _bits[first + row]) continue;
            _bits[first + row] = true;
            Count++;
        }
    }

    /// <summary>The steps and channel numbers, in order of time.</summary>
    public IEnumerable<(int Step, int Channel)> All()
    {
        for (int i = 0; i < _bits.Length; i++)
        {
            if (_bits[i]) yield return (firstStep + i / channels, i % channels);
        }
    }
}

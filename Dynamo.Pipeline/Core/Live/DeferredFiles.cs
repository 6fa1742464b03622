namespace Dynamo.Pipeline.Live;

/// <summary>
/// Files that were offered and left for later, such as one that nobody may read. Such a file is offered again after a pause, each time
/// after a longer one; when it changes it is another file, and taken at once. At most 100,000 are remembered; more are offered at each
/// sweep. Not thread-safe.
/// </summary>
internal sealed class DeferredFiles(TimeProvider time)
{
    private const int Most = 100_000;

    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(10), s_longest = TimeSpan.FromMinutes(15);

    private readonly Dictionary<ulong, Deferral> _files = [];
    private int _sweep;

    /// <summary>Whether the file was offered before.</summary>
    public bool Contains(ulong key) => _files.ContainsKey(key);

    /// <summary>Whether it is too early to offer a file again, which is at the source.</summary>
    public bool Waits(ulong key)
    {
        if (!_files.TryGetValue(key, out Deferral? file)) return false;
        file.Sweep = _sweep;
        return time.GetElapsedTime(file.Since) < file.Pause;
    }

    /// <summary>Something is wrong with this file.</summary>
    public void Add(ulong key) =>
        Add(key, static pause => pause == TimeSpan.Zero ? s_first : 2 * pause < s_longest ? 2 * pause : s_longest);

    /// <summary>The source gives no file at present, which says nothing about this one.</summary>
    public void AddInOutage(ulong key) => Add(key, static _ => TimeSpan.Zero);

    public void Remove(ulong key)
    {
        if (_files.Count > 0) _files.Remove(key);
    }

    public void SweepBegins() => _sweep++;

    /// <summary>
    /// The whole source was seen: what was not there is forgotten, but for what is under way again. That counts as offered again.
    /// </summary>
    public void ForgetUnseen(Predicate<ulong> isUnderWay)
    {
        foreach ((ulong key, Deferral file) in _files)
            if (file.Sweep != _sweep && !isUnderWay(key)) _files.Remove(key);
    }

    private void Add(ulong key, Func<TimeSpan, TimeSpan> next)
    {
        if (!_files.TryGetValue(key, out Deferral? file))
        {
            if (_files.Count == Most) return;
            _files[key] = file = new Deferral();
        }
        (file.Pause, file.Since, file.Sweep) = (next(file.Pause), time.GetTimestamp(), _sweep);
    }

    private sealed class Deferral
    {
        public long Since { get; set; }

        public TimeSpan Pause { get; set; }

        public int Sweep { get; set; }
    }
}

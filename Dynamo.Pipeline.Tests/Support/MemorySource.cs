using System.Runtime.CompilerServices;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>A source of files in memory that counts what is asked of it.</summary>
internal sealed class MemorySource(IReadOnlyDictionary<string, string> files) : IFileSource
{
    private int _opened;

    public string Name => "memory:";

    public int OpensInFlight { get; init; } = 1;

    public TimeSpan LongestWait { get; init; }

    public int Opened => Volatile.Read(ref _opened);

    public List<CompletedFile> Settled { get; } = [];

    /// <summary>Called at each open, before the content is given.</summary>
    public Func<SourceFile, CancellationToken, ValueTask> OnOpen { get; init; } = (_, _) => ValueTask.CompletedTask;

    public Func<SourceFile, SourceFile> OnList { get; init; } = file => file;

    /// <summary>Called when a listing begins.</summary>
    public Func<CancellationToken, ValueTask> OnListing { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>Called when all files are listed, before the listing ends.</summary>
    public Func<CancellationToken, ValueTask> OnListed { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>Called before files are completed.</summary>
    public Func<CancellationToken, ValueTask> OnComplete { get; init; } = _ => ValueTask.CompletedTask;

    /// <summary>Listings that have begun and not ended.</summary>
    public int ListingsUnderWay { get; private set; }

    public static MemorySource Of(int count, string text = "1\n") =>
        new(Enumerable.Range(0, count).ToDictionary(i => $"{i:D6}.csv", _ => text));

    public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListingsUnderWay++;
        try
        {
            await OnListing(cancellationToken);
            foreach ((string name, string text) in files)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return OnList(new SourceFile(name, text.Length, DateTime.UnixEpoch));
            }
            await OnListed(cancellationToken);
        }
        finally
        {
            ListingsUnderWay--;
        }
    }

    public async ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _opened);
        await OnOpen(file, cancellationToken);
        byte[] bytes = Encoding.UTF8.GetBytes(files[file.Path]);
        return bytes.Length > wholeUpTo ? new FileContent(new MemoryStream(bytes)) : new FileContent(bytes);
    }

    public async ValueTask CompleteAsync(IReadOnlyList<CompletedFile> settled, CancellationToken cancellationToken)
    {
        await OnComplete(cancellationToken);
        Settled.AddRange(settled);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

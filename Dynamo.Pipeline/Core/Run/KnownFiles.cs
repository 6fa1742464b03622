using System.Collections.Concurrent;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// Looks at files that the ledger has and that are at the source again, although a run takes them away after their commit. Usually a kill
/// came in between, and the file is what was imported. But a file can have the name, size and time of that one and other bytes, and must
/// not be archived or deleted unread. Thread-safe.
/// </summary>
internal sealed class KnownFiles(PipelineRun run)
{
    private const int MostInFlight = 64, WholeUpTo = 1 << 20, BufferSize = 64 * 1024;

    /// <summary>The files under way have no more bytes than this, one file alone excepted. That one is streamed.</summary>
    private const long MostBytes = 8 << 20;

    /// <summary>The files that have other content than the ledger's entry of their key.</summary>
    private readonly ConcurrentDictionary<SourceFile, bool> _new = [];

    /// <summary>Whether a file is read because its content is another one than that of its entry.</summary>
    public bool HasNewContent(SourceFile file) => !_new.IsEmpty && _new.ContainsKey(file);

    /// <summary>
    /// Reads files and says of each, in their order, whether it has new content. A file that cannot be compared is deferred.
    /// </summary>
    public async Task CompareAsync(
        IFileSource source, IReadOnlyList<(SourceFile File, LedgerEntry Entry)> files, Func<SourceFile, LedgerEntry, bool, Task> say)
    {
        int most = Math.Min(source.OpensInFlight, MostInFlight), next = 0;
        long bytes = 0;
        var opening = new Queue<Task<bool?>>(most);
        try
        {
            foreach ((SourceFile file, LedgerEntry entry) in files)
            {
                for (; next < files.Count && MayOpen(files[next].File); next++)
                {
                    bytes += files[next].File.Size;
                    opening.Enqueue(IsNewAsync(source, files[next].File, files[next].Entry));
                }
                bool? isNew = await opening.Dequeue().ConfigureAwait(false);
                bytes -= file.Size;
                if (isNew is { } known) await say(file, entry, known).ConfigureAwait(false);
                run.Progressed();
            }
        }
        finally
        {
            while (opening.TryDequeue(out Task<bool?>? abandoned))
                await ((Task)abandoned).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        bool MayOpen(SourceFile file) => opening.Count == 0 || (opening.Count < most && bytes + file.Size <= MostBytes);
    }

    private async Task<bool?> IsNewAsync(IFileSource source, SourceFile file, LedgerEntry entry)
    {
        try
        {
            using FileContent content = await source.OpenAsync(file, WholeUpTo, run.Aborting).ConfigureAwait(false);
            bool isNew = await HashAsync(content).ConfigureAwait(false) != entry.ContentHash;
            run.Unreadable.Gave();
            if (isNew) _new[file] = true;
            return isNew;
        }
        catch (FileChangedException) when (run.IsWorker)
        {
            // Another worker imported it and took it away.
            return false;
        }
        catch (Exception error) when (error is FileChangedException or UnreadableFileException or BadFileException)
        {
            run.Defer(file, error.Message);
            return null;
        }
        catch (SourceException error) when (run.Watcher is not null)
        {
            run.DeferInOutage(file, error);
            return null;
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSource(source, $"opening {file.Path}", error);
        }
    }

    private async Task<long> HashAsync(FileContent content)
    {
        if (!content.IsStreamed) return ContentHash.Of(content.Bytes.Span);
        var hash = new ContentHash();
        byte[] buffer = new byte[BufferSize];
        for (int read; (read = await content.Stream!.ReadAsync(buffer, run.Aborting).ConfigureAwait(false)) > 0; run.Progressed())
            hash.Append(buffer.AsSpan(0, read));
        return hash.Value;
    }
}

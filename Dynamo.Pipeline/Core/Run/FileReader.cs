using System.Diagnostics;
using System.Runtime.CompilerServices;
using Dynamo.Pipeline.Telemetry;
using Dynamo.Pipeline.Unpack;

namespace Dynamo.Pipeline.Run;

/// <summary>
/// The step "read_file": opens, parses and closes the files of a chunk. For a remote source it opens several files ahead
/// of the one that it parses. A bad file is a result and a changed file is deferred; only a broken source is an error.
/// </summary>
internal sealed class FileReader<TRow>(
    IFileSource source,
    IFileFormat<TRow> format,
    PipelineRun run,
    ByteBudget budget,
    ReaderGate? gate,
    Step step)
{
    /// <summary>
    /// Rows per read. Of a streamed file, no more than these are in memory at once.
    /// After each read, reading ends if the file has too many bad rows.
    /// </summary>
    private const int Portion = 4_096;

    /// <summary>
    /// Bytes of a row in the usual long format, about. With it the list of rows gets its size at once:
    /// half the memory of a list that doubles as it grows.
    /// </summary>
    private const int BytesOfARow = 40;

    private readonly PipelineOptions _options = run.Options;
    private readonly UnpackingFormat<TRow> _format = new(
        format, run.Options.MaxUnpacked, run.Options.EntryPattern, size => Packed.WholeUpTo(size, run.Options.StreamAbove));

    private readonly int _opensInFlight = source.OpensInFlight >= 1
        ? source.OpensInFlight
        : throw new SourceException($"The source {source.Name} opens no file ahead: its {nameof(source.OpensInFlight)} "
            + $"is {source.OpensInFlight} and must be at least 1.");

    /// <summary>Waits at the gate, if there is one, then reads the chunk.</summary>
    public async Task<IEnumerable<FileRows<TRow>>> ReadAsync(SourceFile[] chunk)
    {
        try
        {
            if (gate is not null) await gate.EnterAsync(run.Aborting).ConfigureAwait(false);
            using Step.Span working = step.Work();
            return await ReadChunkAsync(chunk).ConfigureAwait(false);
        }
        finally
        {
            gate?.Leave(chunk.Sum(file => ByteBudget.Weigh(file, _options.StreamAbove)));
            run.Unreadable.Read(chunk.Length);
        }
    }

    private async Task<IEnumerable<FileRows<TRow>>> ReadChunkAsync(SourceFile[] chunk)
    {
        using TraceLane? lane = _options.Trace?.Reads(chunk);
        var read = new List<FileRows<TRow>>(chunk.Length);
        var opening = new Queue<ValueTask<FileContent>?>(_opensInFlight);
        int next = 0;
        // Each ValueTask is awaited once: by its file, or in the finally block when the chunk fails.
        // A Task instead would be one allocation per file.
#pragma warning disable CA2012
        try
        {
            foreach (SourceFile file in chunk)
            {
                for (; next < chunk.Length && opening.Count < _opensInFlight; next++)
                    opening.Enqueue(IsStreamed(chunk[next]) ? null : OpenAsync(chunk[next]));
                if (await ReadAsync(file, opening.Dequeue()).ConfigureAwait(false) is { } rows) read.Add(rows);
                lane?.Finished(file);
                run.Progressed();
            }
        }
        finally
        {
            while (opening.TryDequeue(out ValueTask<FileContent>? abandoned))
                await DisposeAsync(abandoned).ConfigureAwait(false);
        }
#pragma warning restore CA2012
        return read;
    }

    private bool IsStreamed(SourceFile file) => file.Size > _options.StreamAbove;

    /// <summary>Opens a file. An exception that the source throws before its first await counts for this file, not for the chunk.</summary>
    private ValueTask<FileContent> OpenAsync(SourceFile file)
    {
        try
        {
            return source.OpenAsync(file, _options.StreamAbove, run.Aborting);
        }
        catch (Exception error)
        {
            return ValueTask.FromException<FileContent>(error);
        }
    }

    private ValueTask<FileRows<TRow>?> ReadAsync(SourceFile file, ValueTask<FileContent>? opening) =>
        opening is { } content ? ReadWholeAsync(file, content) : new(Streamed(file));

    private FileRows<TRow> Streamed(SourceFile file)
    {
        FileRows<TRow>? rows = null;
        rows = new FileRows<TRow>(file, token => StreamAsync(rows!, token))
        {
            HidesText = !_options.KeepRawText,
            HasNewContent = file.HasNewContent || run.Known.HasNewContent(file),
        };
        return rows;
    }

    private async ValueTask<FileRows<TRow>?> ReadWholeAsync(SourceFile file, ValueTask<FileContent> opening)
    {
        using Activity? trace = PipelineTraces.Read(file);
        var rows = new RowBatch<TRow>((int)(file.Size / BytesOfARow) + 1);
        Defect? defect = null;
        bool isOpen = false;
        long? hash = null;
        try
        {
            using FileContent content = await opening.ConfigureAwait(false);
            isOpen = true;
            // A source may stream what it was asked for as a whole. Then nobody knows the hash, and the file is told by its key alone.
            if (!content.IsStreamed)
            {
                run.Unreadable.Gave();
                hash = ContentHash.Of(content.Bytes.Span);
            }
            using FileContent given = content.Stream is { } stream ? new(new HashedStream(stream, run.Unreadable.Gave)) : content;
            using IRowReader<TRow> reader = _format.Open(file, given);
            while (await reader.ReadAsync(rows, rows.Count + Portion, run.Aborting).ConfigureAwait(false)
                && !BadRows.AreOverLimit(rows.Rejects.Count, _options.MaxBadRows)) { }
            if (reader is UnpackingReader<TRow> { IsTooLarge: true }) return Streamed(file);
        }
        catch (BadFileException bad)
        {
            defect = bad.Defect;
        }
        catch (Exception error) when (isOpen && IsOfTheFormat(error))
        {
            throw Named(file, error);
        }
        catch (Exception error) when (!isOpen && Faults.IsForeign(error))
        {
            throw Faults.OfSource(source, $"opening {file.Path}", error);
        }
        catch (SourceException error) when (run.Watcher is not null)
        {
            run.DeferInOutage(file, error);
            budget.Release(ByteBudget.Weigh(file, _options.StreamAbove));
            return null;
        }
        catch (FileChangedException error)
        {
            run.Defer(file, error.Message);
            budget.Release(ByteBudget.Weigh(file, _options.StreamAbove));
            return null;
        }
        catch (UnreadableFileException error)
        {
            bool isKept = run.Unreadable.Keeps(file, error, out defect);
            if (defect is null)
            {
                if (!isKept) run.Defer(file, error.Message);
                budget.Release(ByteBudget.Weigh(file, _options.StreamAbove));
                return null;
            }
        }
        var result = new FileRows<TRow>(file, rows)
        {
            HidesText = !_options.KeepRawText,
            HasNewContent = file.HasNewContent || run.Known.HasNewContent(file),
            ContentHash = hash,
            Trace = trace,
        };
        if (defect is not null) result.Quarantine(defect);
        return result;
    }

    private async IAsyncEnumerable<RowBatch<TRow>> StreamAsync(
        FileRows<TRow> to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        SourceFile file = to.File;
        to.ContentHash = null;
        using FileContent opened = await OpenStreamAsync(file, cancellationToken).ConfigureAwait(false);
        var hashed = new HashedStream(opened.AsStream(), run.Unreadable.Gave);
        using var content = new FileContent(hashed);
        using IRowReader<TRow> reader = _format.Open(file, content);
        var rows = new RowBatch<TRow>(Portion);
        bool more;
        do
        {
            rows.Clear();
            more = await ReadPortionAsync(file, reader, rows, cancellationToken).ConfigureAwait(false);
            if (!more) to.ContentHash = hashed.Hash;
            run.Progressed();
            yield return rows;
        }
        while (more);
    }

    private async ValueTask<FileContent> OpenStreamAsync(SourceFile file, CancellationToken cancellationToken)
    {
        try
        {
            return await source.OpenAsync(file, wholeUpTo: 0, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (Faults.IsForeign(error))
        {
            throw Faults.OfSource(source, $"opening {file.Path}", error);
        }
    }

    private static async ValueTask<bool> ReadPortionAsync(
        SourceFile file, IRowReader<TRow> reader, RowBatch<TRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(rows, Portion, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (IsOfTheFormat(error))
        {
            throw Named(file, error);
        }
    }

    /// <summary>Whether it is an error in the format's own code, and not one that a file or a source may cause.</summary>
    private static bool IsOfTheFormat(Exception error) => Faults.IsForeign(error) && error is not IOException;

    private static PipelineException Named(SourceFile file, Exception error) =>
        new($"The format failed at {file.Path}: {error.Message}", error);

    private static async ValueTask DisposeAsync(ValueTask<FileContent>? abandoned)
    {
        try
        {
            if (abandoned is { } content) (await content.ConfigureAwait(false)).Dispose();
        }
        catch (Exception)
        {
            // The chunk has already failed. Its first error is the one to report.
        }
    }
}

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>Many files and large ones: everything there once, in bounded memory.</summary>
[TestFixture]
internal sealed class LargeImportTests
{
    private const long Mebibyte = 1 << 20;

    [Test, Soak(ByHand = true), CancelAfter(300_000)]
    public async Task Of_27000_files_every_reading_is_there_once_and_a_second_run_loads_nothing(CancellationToken token)
    {
        using var work = new DynamoFolder();
        var files = new LoggerFiles(new GenerateOptions { To = work["inbox"], Loggers = 500, Steps = 54, Seed = 27, Bad = 0.001 });
        files.Write(cancellationToken: token);
        ExpectedFile[] expected = [.. files.ExpectedFiles()];
        int bad = expected.Count(file => file.Outcome == FileOutcome.Quarantined);

        JsonElement first = await work.ImportAsync(token, "--after", "archive");
        AssertBalanced(first);
        Assert.That(first.GetProperty("files").GetProperty("listed").GetInt64(), Is.EqualTo(27_000));
        Assert.That(first.GetProperty("files").GetProperty("quarantined").GetInt64(), Is.EqualTo(bad));
        new ImportOracle(files).AssertComplete(work["readings.db"], work["inbox"], "27,000 files");

        foreach (string path in Directory.GetFiles(work["inbox/archive"], "*", SearchOption.AllDirectories))
            File.Move(path, work[Path.Join("inbox", Path.GetFileName(path))]);
        JsonElement second = await work.ImportAsync(token);
        AssertBalanced(second);
        Assert.That(second.GetProperty("files").GetProperty("alreadyLoaded").GetInt64(), Is.EqualTo(27_000 - bad));
        Assert.That(second.GetProperty("rows").GetProperty("read").GetInt64(), Is.Zero);
    }

    [Test, CancelAfter(120_000), Platform("Linux")]
    public async Task A_line_of_200_MB_is_quarantined_in_bounded_memory(CancellationToken token)
    {
        using var work = new DynamoFolder();
        string path = work["inbox/line.csv"];
        await using (FileStream file = File.Create(path))
        {
            // A hole in the file: 200 MB of NUL bytes that take no room on the disk.
            file.Write("logger,channel,timestamp,value\nL1,flow,"u8);
            file.SetLength(200 * Mebibyte);
        }
        File.SetLastWriteTimeUtc(path, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        work.Put("good.csv", "L1,flow,2026-01-01T00:00:00Z,1");

        long peak = 0;
        DynamoResult run = await DynamoProcess.RunAsync(
            ["run", "--source", "inbox", "--sink", "sqlite:readings.db", "--after", "archive", "--json"],
            async process => peak = await PeakAsync(process, token), work.Path, token);

        JsonElement json = DynamoFolder.Json(run);
        AssertBalanced(json);
        JsonElement notable = json.GetProperty("notable")[0];
        Assert.That(notable.GetProperty("file").GetString(), Is.EqualTo("line.csv"));
        Assert.That(notable.GetProperty("outcome").GetString(), Is.EqualTo("quarantined"));
        Assert.That(notable.GetProperty("line").GetInt32(), Is.EqualTo(2));
        Assert.That(peak, Is.LessThan(150 * Mebibyte), "peak working set");
    }

    [Test, NonParallelizable, CancelAfter(280_000)]
    public async Task A_file_of_2_GB_costs_no_more_memory_than_one_of_20_MB(CancellationToken token)
    {
        using var work = new ScratchFolder();
        long small = await LiveBytesAsync(work["small.db"], 20 * Mebibyte, token);
        long large = await LiveBytesAsync(work["large.db"], 2048 * Mebibyte, token);

        TestContext.Out.WriteLine($"most live bytes: {small:N0} at 20 MB, {large:N0} at 2 GB");
        Assert.That(large, Is.LessThan(small + 8 * Mebibyte));
    }

    /// <summary>
    /// Names for one small file, in memory where that is to be had: a million files would take longer to make than to read.
    /// </summary>
    [Test, Soak, CancelAfter(240_000), Platform("Linux")]
    public async Task A_folder_of_very_many_files_is_read_in_bounded_memory(CancellationToken token)
    {
        int files = SoakAttribute.Rounds(0, 300_000, 1_000_000);
        using var inbox = new ScratchFolder(Directory.Exists("/dev/shm") ? "/dev/shm" : null);
        using var work = new ScratchFolder();
        await File.WriteAllTextAsync(inbox["a.csv"], "logger,channel,timestamp,value\nL1,flow,2026-01-01T00:00:00Z,1\n", token);
        File.SetLastWriteTimeUtc(inbox["a.csv"], new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await External.RunAsync(
            "python3", "-c", $"import os\nfor i in range({files - 1}): os.link('{inbox["a.csv"]}', f'{inbox.Path}/{{i}}.csv')");

        long peak = 0;
        DynamoResult run = await DynamoProcess.RunAsync(
            ["run", "--source", inbox.Path, "--sink", "sqlite:readings.db", "--dry-run", "--json"],
            async process => peak = await PeakAsync(process, token), work.Path, token);

        JsonElement json = DynamoFolder.Json(run);
        AssertBalanced(json);
        Assert.That(json.GetProperty("files").GetProperty("loaded").GetInt64(), Is.EqualTo(files));
        TestContext.Out.WriteLine($"peak {peak / Mebibyte} MB");
        Assert.That(peak, Is.LessThan(150 * Mebibyte));
    }

    /// <summary>The most bytes that were alive at any of some hundred moments of an import.</summary>
    private static async Task<long> LiveBytesAsync(string database, long size, CancellationToken token)
    {
        long most = 0, reads = 0;
        var source = new RepeatedFile(size, () =>
        {
            if (reads++ % (size / 65_536 / 40 + 1) == 0) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
        });
        await using var sink = new SqliteSink<Reading>(
            database, ReadingTable.Default, new SqliteSinkOptions { Duplicates = DuplicatePolicy.FirstWins });
        PipelineResult result = await FilePipeline.From(source).Read(
            new CsvFormat<Reading>(ReadingFormat.Default)).WriteTo(sink).RunAsync(null, token);
        Assert.That(result.Books, Has.Property("Loaded").EqualTo(1).And.Property("RowsInserted").EqualTo(RepeatedFile.Rows));
        return most;
    }

    private static async Task<long> PeakAsync(Process process, CancellationToken token)
    {
        long peak = 0;
        while (!process.HasExited)
        {
            try
            {
                string? line = (
                    await File.ReadAllLinesAsync($"/proc/{process.Id}/status", token)).FirstOrDefault(
                        l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
                if (line is not null)
                    peak = Math.Max(
                        peak,
                        1024 * long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), System.Globalization.CultureInfo.InvariantCulture));
            }
            catch (Exception gone) when (gone is IOException)
            {
                break;
            }
            await Task.Delay(5, token);
        }
        return peak;
    }

    private static void AssertBalanced(JsonElement run)
    {
        JsonElement files = run.GetProperty("files"), rows = run.GetProperty("rows");
        long File(string name) => files.GetProperty(name).GetInt64();
        long Row(string name) => rows.GetProperty(name).GetInt64();
        Assert.That(File("loaded") + File("alreadyLoaded") + File("quarantined") + File("deferred"), Is.EqualTo(File("listed")));
        Assert.That(Row("inserted") + Row("updated") + Row("unchanged") + Row("rejected"), Is.EqualTo(Row("read")));
    }

    /// <summary>One file that holds the same thousand long rows again and again, and is nowhere.</summary>
    private sealed class RepeatedFile(long size, Action read) : IFileSource
    {
        public const int Rows = 1_000;
        private static readonly byte[] s_header = Encoding.UTF8.GetBytes("note," + ImportFolder.Header);

        // Long rows, so that the test spends its time on bytes and not on the database.
        private static readonly byte[] s_rows = Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Range(0, Rows).Select(i => $"{new string('n', 4000)},L{i},flow,2026-01-01T00:00:00Z,{i}\n")));

        public string Name => "repeated:";

        public async IAsyncEnumerable<SourceFile> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return new SourceFile("large.csv", size, DateTime.UnixEpoch);
            await Task.CompletedTask;
        }

        public ValueTask<FileContent> OpenAsync(SourceFile file, long wholeUpTo, CancellationToken cancellationToken) =>
            ValueTask.FromResult(new FileContent(new CountedStream(new Repeated(s_header, s_rows, size), _ => read())));

        public ValueTask CompleteAsync(IReadOnlyList<CompletedFile> files, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>A beginning, then whole repetitions of a block until the size is reached.</summary>
    private sealed class Repeated(byte[] begin, byte[] block, long size) : Stream
    {
        private readonly long _end = begin.Length + ((size / block.Length) + 1) * block.Length;
        private long _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => _end;

        public override long Position { get => _at; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_at == _end) return 0;
            ReadOnlySpan<byte> rest = _at < begin.Length
                ? begin.AsSpan((int)_at)
                : block.AsSpan((int)((_at - begin.Length) % block.Length));
            int taken = Math.Min(rest.Length, count);
            rest[..taken].CopyTo(buffer.AsSpan(offset));
            _at += taken;
            return taken;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            byte[] part = System.Buffers.ArrayPool<byte>.Shared.Rent(buffer.Length);
            int taken = Read(part, 0, buffer.Length);
            part.AsSpan(0, taken).CopyTo(buffer.Span);
            System.Buffers.ArrayPool<byte>.Shared.Return(part);
            return ValueTask.FromResult(taken);
        }

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

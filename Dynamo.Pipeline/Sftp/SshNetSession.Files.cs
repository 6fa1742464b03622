using System.Buffers;
using Dynamo.Pipeline.Files;
using RenciStream = Renci.SshNet.Sftp.SftpFileStream;

namespace Dynamo.Pipeline.Sftp;

// How files are fetched: small ones whole, large ones as a stream.
internal sealed partial class SshNetSession
{
    /// <summary>
    /// Fetches one file whole, on a thread that waits: SSH.NET's OPEN and FSTAT, one READ of what is listed, a last FSTAT that notices a
    /// file that grew, and CLOSE. A file that may be being written is looked at by its path instead, which tells the time as well.
    /// </summary>
    private sealed class WholeFile(
        ReconnectingConnection line, SshNetSession session, SourceFile file, byte[] path, long weight, bool lastLook)
        : FileFetch(session, file, path, weight)
    {
        private volatile bool _isOpen;

        protected override void Begin() => _ = FetchAsync();

        private async Task FetchAsync()
        {
            try
            {
                // A thread may wait for ever: whoever waits for a place, or for this file, must not.
                FileContent content = await session.UntilOverAsync(session._threads.RunAsync(Fetch), late => late.Dispose())
                    .ConfigureAwait(false);
                session.Files.Leave(Weight, opened: true);
                Complete(content);
                line.Progressed();
            }
            catch (Exception e)
            {
                if (!_isOpen && e is SftpStatusException { Status.Code: SftpCode.Failure })
                    OthersWereOpen = session.Files.LeaveRefused(Weight);
                else
                    session.Files.Leave(Weight, _isOpen);
                if (e is FileChangedException) Fault(e);
                else Fails(e);
            }
        }

        private FileContent Fetch()
        {
            RenciStream stream = session.Call(() => session.Open(Text(Path), File.Size));
            session.Files.Opened();
            _isOpen = true;
            try
            {
                return Read(stream);
            }
            finally
            {
                session.Close(stream);
            }
        }

        private FileContent Read(RenciStream stream)
        {
            int size = (int)File.Size, received = 0;
            byte[] buffer = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                for (int read = -1; received < size && read != 0; received += read)
                    read = session.Call(() => stream.Read(buffer, received, size - received));
                FileStat unchanged = new(FileKind.Regular, File.Size, File.ModifiedUtc);
                FileStat found = lastLook || !stream.CanSeek
                    ? session.Stat(Text(Path))?.AsDisk(File) ?? unchanged
                    : unchanged with { Size = session.Call(() => stream.Length) };
                FileChange.Check(File, found, received);
                return FileContent.Rented(buffer, size);
            }
            catch
            {
                ArrayPool<byte>.Shared.Return(buffer);
                throw;
            }
        }
    }

    /// <summary>
    /// A large file as a stream; SSH.NET reads ahead. Ends with <see cref="FileChangedException"/> when it was not what was listed. One
    /// reader at a time.
    /// </summary>
    private sealed class FileStream(
        SshNetSession session, RenciStream stream, SourceFile listed, byte[] path, long start, WindowEntry? entry)
        : ForwardStream
    {
        private readonly byte[] _buffer = new byte[LongestRead];
        private long _position = start;
        private int _filled;
        private int _taken;
        private Task<int>? _filling;
        private bool _isPlaced = start == 0;
        private bool _isDisposed;

        public override bool CanRead => !_isDisposed;

        public override long Length => listed.Size;

        public override long Position { get => _position; }

        public override int Read(Span<byte> buffer)
        {
            if (buffer.Length == 0) return 0;
            if (_taken == _filled)
            {
                Filled((_filling ??= FillAsync()).GetAwaiter().GetResult());
            }
            return Take(buffer);
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length == 0) return 0;
            if (_taken == _filled)
            {
                // Who gives up leaves it under way, and who reads on waits for the same.
                Filled(await (_filling ??= FillAsync()).WaitAsync(cancellationToken).ConfigureAwait(false));
            }
            return Take(buffer.Span);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_isDisposed)
            {
                _isDisposed = true;
                _ = EndAsync();
            }
            base.Dispose(disposing);
        }

        private async Task EndAsync()
        {
            await session.CloseAsync(stream).ConfigureAwait(false);
            entry?.Leave();
        }

        private int Take(Span<byte> buffer)
        {
            int taken = Math.Min(buffer.Length, _filled - _taken);
            _buffer.AsSpan(_taken, taken).CopyTo(buffer);
            _taken += taken;
            _position += taken;
            return taken;
        }

        /// <summary>The reader takes note of what arrived: a filling that it gave up may end at any time.</summary>
        private void Filled(int bytes) => (_filling, _taken, _filled) = (null, 0, bytes);

        /// <summary>Into memory of its own: a read that was given up may still write into it.</summary>
        private async Task<int> FillAsync()
        {
            if (!_isPlaced)
            {
                if (!stream.CanSeek) throw Unable("it cannot go on in the middle of a file on this server");
                stream.Seek(_position, SeekOrigin.Begin);
                _isPlaced = true;
            }
            int filled = 0;
            if (_position <= listed.Size) filled = await session.DoAsync(() => stream.ReadAsync(_buffer).AsTask()).ConfigureAwait(false);
            if (filled == 0 || _position + filled > listed.Size)
            {
                // The end, or bytes beyond it.
                if (await session.StatAsync(path).ConfigureAwait(false) is not { } now) throw new FileChangedException("vanished");
                FileChange.Check(listed, now.AsDisk(listed), _position + filled);
            }
            return filled;
        }
    }
}

using System.Text;

namespace Dynamo.Pipeline.Csv;

/// <summary>
/// Finds the comments in a file's text while it goes to CsvHelper, which skips them: the head of another station's block may be in them.
/// Used by one thread at a time.
/// </summary>
/// <param name="comment">The character with which comments begin.</param>
/// <param name="line">The number of the first line.</param>
internal sealed class CommentLines(char comment, long line)
{
    private const int Longest = 1024;

    private readonly byte _comment = (byte)comment;
    private readonly Queue<(long Line, string Text)> _found = [];
    private readonly List<byte> _text = [];
    private bool _isStart = true, _isComment, _afterReturn;

    /// <summary>Takes the next part of the text.</summary>
    public void Feed(ReadOnlySpan<byte> utf8)
    {
        while (!utf8.IsEmpty)
        {
            if (_afterReturn && utf8[0] == (byte)'\n')
            {
                _afterReturn = false;
                utf8 = utf8[1..];
                continue;
            }
            _afterReturn = false;
            if (_isStart) (_isStart, _isComment) = (false, utf8[0] == _comment);
            int end = utf8.IndexOfAny((byte)'\r', (byte)'\n');
            ReadOnlySpan<byte> part = end < 0 ? utf8 : utf8[..end];
            if (_isComment && _text.Count < Longest) _text.AddRange(part[..Math.Min(part.Length, Longest - _text.Count)]);
            if (end < 0) return;
            if (_isComment) _found.Enqueue((line, Encoding.UTF8.GetString([.. _text]).TrimStart(comment).Trim()));
            _text.Clear();
            _afterReturn = utf8[end] == (byte)'\r';
            _isStart = true;
            line++;
            utf8 = utf8[(end + 1)..];
        }
    }

    /// <summary>Gets the next comment above a line; null if there is none.</summary>
    public string? Above(long record) =>
        _found.TryPeek(out (long Line, string Text) next) && next.Line < record ? _found.Dequeue().Text : null;
}

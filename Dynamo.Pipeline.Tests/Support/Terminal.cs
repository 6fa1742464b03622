using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>What a terminal shows of a program's output: text, line ends, "up by n lines" and "remove what follows".</summary>
internal static class Terminal
{
    /// <param name="text">The output.</param>
    /// <param name="columns">How wide the terminal is.</param>
    /// <returns>Its lines, from the first one.</returns>
    public static string[] Show(string text, int columns)
    {
        var lines = new List<StringBuilder> { new() };
        int row = 0, column = 0;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\r':
                    column = 0;
                    break;
                case '\n':
                    row++;
                    break;
                case '\e' when i + 1 < text.Length && text[i + 1] == '[':
                    int end = text.AsSpan(i + 2).IndexOfAnyInRange('@', '~') + i + 2;
                    if (end < i + 2) return Texts();
                    if (text[end] == 'A') row = Math.Max(0, row - int.Parse(text.AsSpan(i + 2, end - i - 2), CultureInfo.InvariantCulture));
                    if (text[end] == 'J') Remove();
                    i = end;
                    break;
                case '\e':
                    i++;
                    break;
                default:
                    if (column == columns) (row, column) = (row + 1, 0);
                    Put(text[i]);
                    break;
            }
        }
        return Texts();

        void Put(char one)
        {
            while (lines.Count <= row) lines.Add(new StringBuilder());
            StringBuilder line = lines[row];
            if (line.Length <= column) line.Append(' ', column + 1 - line.Length);
            line[column++] = one;
        }

        void Remove()
        {
            if (row < lines.Count) lines.RemoveRange(row, lines.Count - row);
        }

        string[] Texts() => [.. lines.Select(line => line.ToString().TrimEnd())];
    }
}

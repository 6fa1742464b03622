using System.Globalization;

namespace Dynamo.Pipeline.Host;

/// <summary>Times on the command line.</summary>
internal static class Moments
{
    /// <summary>A time; without an offset it is UTC.</summary>
    /// <exception cref="SettingsException">It is none.</exception>
    public static DateTime At(string option, string text) => TryAt(text)
        ?? throw new SettingsException(option, $"found '{text}', allowed is a time such as 2026-01-31T12:00Z or 2026-01-31.");

    /// <summary>A time, or how long ago it was.</summary>
    /// <exception cref="SettingsException">It is neither.</exception>
    public static DateTime Since(string option, string text, DateTime nowUtc)
    {
        if (TryAt(text) is { } at) return at;
        try
        {
            return nowUtc - SettingText.Duration(text);
        }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentException)
        {
            throw new SettingsException(option, $"found '{text}', allowed is a time such as 2026-01-31T12:00Z, or how long ago, such as 3d.");
        }
    }

    private static DateTime? TryAt(string text)
    {
        const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        bool isTime = DateTime.TryParse(text, CultureInfo.InvariantCulture, Styles, out DateTime time) && text.Contains('-');
        return isTime ? time : null;
    }
}

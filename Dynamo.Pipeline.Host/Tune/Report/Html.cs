using System.Globalization;
using System.Net;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>Markup, made of text that is escaped and numbers that are the same in every culture.</summary>
internal sealed class Html
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds markup; what is interpolated into it has to be markup as well, or a number.</summary>
    public Html Add(FormattableString markup)
    {
        _text.Append(markup.ToString(CultureInfo.InvariantCulture)).Append('\n');
        return this;
    }

    /// <summary>Adds markup as it stands.</summary>
    public Html Raw(string markup)
    {
        _text.Append(markup).Append('\n');
        return this;
    }

    /// <summary>Somebody's text as markup.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);

    public static string Seconds(double seconds) => seconds switch
    {
        >= 100 => seconds.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => seconds.ToString("0.0", CultureInfo.InvariantCulture),
        >= 1 => seconds.ToString("0.00", CultureInfo.InvariantCulture),
        >= 0.1 or 0 => seconds.ToString("0.000", CultureInfo.InvariantCulture),
        _ => seconds.ToString("0.0000", CultureInfo.InvariantCulture),
    };

    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Size(double bytes) => bytes switch
    {
        >= 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 30):0.#} GiB"),
        >= 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):0.#} MiB"),
        >= 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 10):0.#} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes:0} B"),
    };

    /// <summary>A difference as people say it: <c>−60 %</c>.</summary>
    public static string Percent(double share) => Math.Round(share * 100) switch
    {
        0 => "±0 %",
        < 0 => string.Create(CultureInfo.InvariantCulture, $"−{-share * 100:0} %"),
        _ => string.Create(CultureInfo.InvariantCulture, $"+{share * 100:0} %"),
    };

    public override string ToString() => _text.ToString();
}

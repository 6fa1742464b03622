using System.Globalization;
using System.Net;
using System.Text;

namespace Dynamo.Pipeline.Host;

/// <summary>Markup. Text in it is escaped, and numbers are the same in every culture.</summary>
internal sealed class Html
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds markup. Everything interpolated into it must be markup, too, or a number.</summary>
    public Html Add(FormattableString markup)
    {
        _text.Append(markup.ToString(CultureInfo.InvariantCulture)).Append('\n');
        return this;
    }

    /// <summary>Adds markup without changes.</summary>
    public Html Raw(string markup)
    {
        _text.Append(markup).Append('\n');
        return this;
    }

    /// <summary>A text as markup.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);

    public override string ToString() => _text.ToString();
}

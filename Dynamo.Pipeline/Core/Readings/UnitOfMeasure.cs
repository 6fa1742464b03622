using System.Text;

namespace Dynamo.Pipeline;

/// <summary>
/// Finds units by name, and converts between them. Thread-safe.
/// </summary>
/// <remarks>
/// Names are compared as they are written, then without case. <c>³</c> is the same as 3 and <c>µ</c> the same as u.
/// Spaces, dots, brackets and <c>^</c> do not matter.
/// One metre of water is 9.80665 kPa (density 1000 kg/m³, standard gravity).
/// </remarks>
internal static class UnitOfMeasure
{
    // Each unit has its exact factor to the first unit of its quantity, and an offset that is added before (for temperatures).
    private static readonly (string Quantity, string Names, decimal Factor, decimal Offset)[] s_units =
    [
        ("flow", "m3/h,cbm/h,cmh", 1m, 0),
        ("flow", "m3/s,cms", 3600m, 0),
        ("flow", "m3/min", 60m, 0),
        ("flow", "m3/d,m3/day,cmd", 1m / 24m, 0),
        ("flow", "l/s,lps,ls", 3.6m, 0),
        ("flow", "l/min,lpm", 0.06m, 0),
        ("flow", "l/h,lph", 0.001m, 0),
        ("flow", "Ml/d,ML/d,mld", 1000m / 24m, 0),
        ("flow", "ml/d", 0.000001m / 24m, 0),
        ("flow", "gpm,usgpm,gal/min", 0.227124707040m, 0),
        ("flow", "mgd", 3785.411784m / 24m, 0),
        ("flow", "cfs,ft3/s", 101.940648462336m, 0),
        ("pressure", "kPa", 1m, 0),
        ("pressure", "Pa", 0.001m, 0),
        ("pressure", "hPa,mbar", 0.1m, 0),
        ("pressure", "MPa", 1000m, 0),
        ("pressure", "mPa", 0.000001m, 0),
        ("pressure", "bar", 100m, 0),
        ("pressure", "mH2O,mwc,mws,mca,mwk,mhead", 9.80665m, 0),
        ("pressure", "cmH2O,cmwc", 0.0980665m, 0),
        ("pressure", "mmH2O", 0.00980665m, 0),
        ("pressure", "psi", 6.894757293168m, 0),
        ("pressure", "atm", 101.325m, 0),
        ("pressure", "ftH2O", 2.98906692m, 0),
        ("length", "m", 1m, 0),
        ("length", "cm", 0.01m, 0),
        ("length", "mm", 0.001m, 0),
        ("length", "km", 1000m, 0),
        ("length", "ft", 0.3048m, 0),
        ("length", "in,inch", 0.0254m, 0),
        ("volume", "m3,cbm", 1m, 0),
        ("volume", "l,litre,liter", 0.001m, 0),
        ("volume", "Ml,ML", 1000m, 0),
        ("volume", "ml,mL", 0.000001m, 0),
        ("volume", "hl", 0.1m, 0),
        ("volume", "usgal,gal", 0.003785411784m, 0),
        ("temperature", "°C,C,degC", 1m, 0),
        ("temperature", "K", 1m, -273.15m),
        ("temperature", "°F,F,degF", 5m / 9m, -32m),
        ("conductivity", "mS/cm", 1m, 0),
        ("conductivity", "uS/cm", 0.001m, 0),
        ("conductivity", "S/m", 10m, 0),
        ("concentration", "mg/l", 1m, 0),
        ("concentration", "g/l", 1000m, 0),
        ("concentration", "ug/l", 0.001m, 0),
        ("voltage", "V", 1m, 0),
        ("voltage", "mV", 0.001m, 0),
        ("current", "A", 1m, 0),
        ("current", "mA", 0.001m, 0),
        ("share", "%", 1m, 0),
        ("share", "1", 100m, 0),
    ];

    private static readonly Dictionary<string, (string Quantity, decimal Factor, decimal Offset)> s_byName = ByName(StringComparer.Ordinal);
    private static readonly Dictionary<string, (string Quantity, decimal Factor, decimal Offset)> s_byAnyCase =
        ByName(StringComparer.OrdinalIgnoreCase);

    /// <summary>The main name of each known unit, with commas between them, for messages and documentation.</summary>
    public static string AllNames { get; } = string.Join(", ", s_units.Select(unit => unit.Names.Split(',')[0]));

    /// <summary>Whether a unit is known.</summary>
    /// <param name="name">The name of the unit.</param>
    /// <returns>Whether it is known.</returns>
    public static bool IsKnown(string name) => Find(name) is not null;

    /// <summary>Gets the conversion between two units: <c>value × Factor + Offset</c>.</summary>
    /// <param name="from">The unit to convert from.</param>
    /// <param name="to">The unit to convert to.</param>
    /// <returns>The factor, correctly rounded, and the offset.</returns>
    /// <exception cref="ArgumentException">A unit is not known, or the two units measure different quantities.</exception>
    public static (double Factor, double Offset) Conversion(string from, string to)
    {
        var source = Find(from) ?? throw Unknown(from);
        var target = Find(to) ?? throw Unknown(to);
        if (source.Quantity != target.Quantity)
        {
            throw new ArgumentException(
                $"'{from}' is a unit of {source.Quantity} and '{to}' one of {target.Quantity}: there is no conversion.");
        }
        decimal factor = source.Factor / target.Factor;
        return ((double)factor, (double)(decimal.Round((source.Offset * factor) - target.Offset, 20)));
    }

    private static ArgumentException Unknown(string name) => new($"The unit '{name}' is not known. Known are: {AllNames}.");

    private static (string Quantity, decimal Factor, decimal Offset)? Find(string name)
    {
        string plain = Plain(name);
        if (s_byName.TryGetValue(plain, out var exact)) return exact;
        return s_byAnyCase.TryGetValue(plain, out var found) ? found : null;
    }

    private static string Plain(string name)
    {
        var plain = new StringBuilder(name.Length);
        foreach (char c in name)
        {
            if (c is ' ' or '\u00A0' or '·' or '.' or '^' or '[' or ']' or '(' or ')') continue;
            plain.Append(c switch { '³' => '3', '²' => '2', '₂' => '2', 'µ' or 'μ' => 'u', _ => c });
        }
        return plain.ToString();
    }

    private static Dictionary<string, (string, decimal, decimal)> ByName(StringComparer comparer)
    {
        var names = new Dictionary<string, (string, decimal, decimal)>(comparer);
        var doubtful = new HashSet<string>(comparer);
        foreach ((string quantity, string list, decimal factor, decimal offset) in s_units)
            foreach (string name in list.Split(','))
                if (!names.TryAdd(Plain(name), (quantity, factor, offset))) doubtful.Add(Plain(name));
        // Without case, some names are ambiguous, such as Ml and ml. These are not found, because a guess could be wrong.
        foreach (string name in doubtful) names.Remove(name);
        return names;
    }
}

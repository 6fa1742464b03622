using System.Globalization;
using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Host;

/// <summary>An area as it was set. Its files are read later.</summary>
/// <param name="Area">The area without its pipes.</param>
/// <param name="Nodes">The file of its nodes; <see langword="null"/>: none.</param>
/// <param name="Pipes">The file of its pipes; <see langword="null"/>: none.</param>
internal sealed record AreaChoice(WatchedArea Area, string? Nodes, string? Pipes);

/// <summary>
/// The list <c>areas</c>. An installation may have thousands of values in it, so it is read as a whole and not setting by setting.
/// </summary>
internal static class AreaSettings
{
    public const string Key = "areas";

    private const string Below = Key + ":";

    private const int MostAreas = 10_000, MostLoggers = 1_000, LongestName = 200;

    /// <summary>Of an area, with what is allowed.</summary>
    private static readonly Dictionary<string, string> s_area = new(StringComparer.OrdinalIgnoreCase)
    {
        ["name"] = "a name of up to 200 characters",
        ["nodes"] = "a CSV file with the columns node, x and y",
        ["pipes"] = "a CSV file with the columns pipe, from, to and length",
        ["zone"] = "an IANA zone such as Europe/Brussels or UTC",
        ["step"] = "a duration of 1min to 2h that divides a day, such as 15min",
        ["trainingDays"] = "a whole number, 14 to 56",
        ["falseAlarmsPerYear"] = "a number, 0.01 to 100",
    };

    private static readonly Dictionary<string, string> s_inflow = new(StringComparer.OrdinalIgnoreCase)
    {
        ["logger"] = "a logger's name, as in the readings",
        ["channel"] = "a channel's name, as in the readings",
        ["factor"] = "a number other than 0, such as 1, -1 or 3.6",
        ["tankArea"] = "a number above 0: the area of the tank whose level this is, in m²",
    };

    private static readonly Dictionary<string, string> s_pressure = new(StringComparer.OrdinalIgnoreCase)
    {
        ["logger"] = "a logger's name, as in the readings",
        ["channel"] = "a channel's name, as in the readings",
        ["node"] = "a node of the area's nodes",
        ["x"] = "a number: to the east, or the longitude",
        ["y"] = "a number: to the north, or the latitude",
    };

    public static bool IsBelow(string key) => key.StartsWith(Below, StringComparison.OrdinalIgnoreCase);

    /// <summary>Takes all areas of a layer. They replace those of the layers before.</summary>
    /// <param name="settings">The settings so far.</param>
    /// <param name="values">The values below <c>areas</c>, with their keys.</param>
    /// <param name="name">How messages name a key.</param>
    /// <param name="folder">What files are relative to; <see langword="null"/>: the current folder.</param>
    /// <param name="problems">Gets what is wrong.</param>
    public static HostSettings Apply(
        HostSettings settings, IReadOnlyList<(string Key, string Value)> values, Func<string, string> name, string? folder,
        List<SettingProblem> problems)
    {
        var areas = new SortedDictionary<int, AreaDraft>();
        foreach ((string key, string value) in values)
        {
            string[] parts = key.Split(':');
            if (parts.Length < 3 || Index(parts[1], MostAreas) is not { } index || !TryPlace(parts, out string place, out int element))
            {
                problems.Add(new SettingProblem(name(key), "there is no such setting.", Suggest(parts)));
                continue;
            }
            if (!areas.TryGetValue(index, out AreaDraft? draft)) areas[index] = draft = new AreaDraft();
            Dictionary<string, string> to = place.Length == 0 ? draft.Values : draft.Element(place, element);
            to[parts[^1]] = value;
        }
        AreaChoice[] made = [.. areas.Select(area => area.Value.Make($"{Below}{area.Key}", name, folder, problems)).OfType<AreaChoice>()];
        foreach (IGrouping<string, AreaChoice> same in made.GroupBy(area => area.Area.Name).Where(same => same.Count() > 1))
            problems.Add(new SettingProblem(name(Key), $"two areas have the name {Shown.Name(same.Key)}."));
        string names = string.Join(", ", made.Take(10).Select(area => area.Area.Name));
        return settings with
        {
            Areas = made,
            Given = [.. settings.Given.Where(given => given.Key != Key), (Key, made.Length <= 10 ? names : $"{made.Length}: {names}, …")],
        };
    }

    private static int? Index(string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < most ? index : null;

    /// <summary>Whether there is such a key: of the area itself, or of an element of a list.</summary>
    private static bool TryPlace(string[] parts, out string place, out int element)
    {
        (place, element) = ("", 0);
        if (parts.Length == 3) return s_area.ContainsKey(parts[2]);
        if (parts.Length != 5 || Index(parts[3], MostLoggers) is not { } index) return false;
        (place, element) = (parts[2].ToLowerInvariant(), index);
        return place == "inflow" ? s_inflow.ContainsKey(parts[4]) : place == "pressures" && s_pressure.ContainsKey(parts[4]);
    }

    private static string? Suggest(string[] parts)
    {
        if (parts.Length < 3) return $"{Below}0:name";
        if (parts.Length < 5) return Suggestion.For(parts[2], [.. s_area.Keys, "inflow", "pressures"]);
        return Suggestion.For(parts[4], parts[2].Equals("inflow", StringComparison.OrdinalIgnoreCase) ? s_inflow.Keys : s_pressure.Keys);
    }

    /// <summary>An area while its values are put together.</summary>
    private sealed class AreaDraft
    {
        private readonly SortedDictionary<int, Dictionary<string, string>> _inflow = [], _pressures = [];

        public Dictionary<string, string> Values { get; } = new(StringComparer.OrdinalIgnoreCase);

        public Dictionary<string, string> Element(string list, int index)
        {
            SortedDictionary<int, Dictionary<string, string>> to = list == "inflow" ? _inflow : _pressures;
            if (!to.TryGetValue(index, out Dictionary<string, string>? element))
                to[index] = element = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            return element;
        }

        public AreaChoice? Make(string where, Func<string, string> name, string? folder, List<SettingProblem> problems)
        {
            int before = problems.Count;
            string title = "";
            var options = new BurstDetectorOptions();
            Read(Values, s_area, where, "name", text => title = text.Length <= LongestName ? text.Trim() : throw new FormatException());
            if (title.Length == 0) Missing(where + ":name", s_area["name"]);
            Read(Values, s_area, where, "step", text => options = options with { Step = SettingText.Duration(text) });
            Read(Values, s_area, where, "trainingDays", text => options = options with { TrainingDays = SettingText.Count(text) });
            Read(Values, s_area, where, "falseAlarmsPerYear", text => options = options with { FalseAlarmsPerYear = Number(text) });
            Read(Values, s_area, where, "zone", text => options = options with { Zone = Zone(text) });
            if (_inflow.Count == 0)
                Missing(where + ":inflow", "a list of channels that flow in, such as [ { \"logger\": \"M1\", \"channel\": \"flow\" } ]");
            InflowPart[] inflow = [.. _inflow.Select(part => Inflow(part.Value, $"{where}:inflow:{part.Key}"))];
            PressurePoint[] pressures = [.. _pressures.Select(point => Pressure(point.Value, $"{where}:pressures:{point.Key}"))];
            OneOf(Values, where, "pipes", "nodes", both: true);
            var area = new WatchedArea(title, inflow) { Pressures = pressures, Options = options };
            return problems.Count > before ? null : new AreaChoice(area, File("nodes"), File("pipes"));

            string? File(string key) =>
                Values.TryGetValue(key, out string? path) ? folder is null ? path : Path.Combine(folder, path) : null;

            InflowPart Inflow(Dictionary<string, string> part, string at)
            {
                if (!part.ContainsKey("logger")) Missing(at + ":logger", s_inflow["logger"]);
                OneOf(part, at, "factor", "tankArea", both: false);
                double factor = 1;
                Read(part, s_inflow, at, "factor", text => factor = Number(text) is not 0 and var by ? by : throw new FormatException());
                Read(part, s_inflow, at, "tankArea", text => factor = Number(text) is > 0 and var m2 ? m2 : throw new FormatException());
                bool isTank = part.ContainsKey("tankArea");
                return new InflowPart(
                    part.GetValueOrDefault("logger", ""), part.GetValueOrDefault("channel", isTank ? "level" : "flow"), factor, isTank);
            }

            PressurePoint Pressure(Dictionary<string, string> point, string at)
            {
                if (!point.ContainsKey("logger")) Missing(at + ":logger", s_pressure["logger"]);
                OneOf(point, at, "x", "y", both: true);
                double? x = null, y = null;
                Read(point, s_pressure, at, "x", text => x = Number(text));
                Read(point, s_pressure, at, "y", text => y = Number(text));
                return new PressurePoint(
                    point.GetValueOrDefault("logger", ""), point.GetValueOrDefault("channel", "pressure"),
                    point.GetValueOrDefault("node"), x, y);
            }

            void Missing(string key, string allowed) =>
                problems.Add(new SettingProblem(name(key), $"it is missing, expected is {allowed}."));

            void OneOf(Dictionary<string, string> from, string at, string one, string other, bool both)
            {
                if (both ? from.ContainsKey(one) == from.ContainsKey(other) : !from.ContainsKey(one) || !from.ContainsKey(other)) return;
                string expected = both ? "both or none of them" : "one of them";
                string found = both ? from.ContainsKey(one) ? one : other : $"{one} and {other}";
                problems.Add(new SettingProblem(name(at), $"it has {found}, expected of {one} and {other} is {expected}."));
            }

            void Read(Dictionary<string, string> from, Dictionary<string, string> allowed, string at, string key, Action<string> read)
            {
                if (!from.TryGetValue(key, out string? text)) return;
                try
                {
                    read(text);
                }
                catch (Exception error) when (error is FormatException or ArgumentException or OverflowException)
                {
                    problems.Add(new SettingProblem(name($"{at}:{key}"), $"found '{Secret.Masked(text)}', allowed is {allowed[key]}."));
                }
            }
        }
    }

    private static double Number(string text) =>
        double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture) is var value && double.IsFinite(value)
            ? value : throw new FormatException();

    private static TimeZoneInfo Zone(string text) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(text, out TimeZoneInfo? zone) ? zone : throw new FormatException();
}

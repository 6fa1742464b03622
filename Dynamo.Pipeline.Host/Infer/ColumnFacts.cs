namespace Dynamo.Pipeline.Host;

/// <summary>What a column's values say over all samples.</summary>
/// <param name="Index">Its 0-based place.</param>
/// <param name="Name">Its name, or <c>#n</c>.</param>
/// <param name="Texts">Its texts, file after file.</param>
/// <param name="IsNumeric">Whether nearly all of its texts are numbers.</param>
/// <param name="Distinct">How many different texts it has.</param>
/// <param name="IsCounted">Whether its numbers go up by one from line to line.</param>
/// <param name="Nulls">The texts of a numeric column that are no numbers and that repeat, such as <c>#-1</c>.</param>
internal sealed record ColumnFacts(int Index, string Name, string[] Texts, bool IsNumeric, int Distinct, bool IsCounted, string[] Nulls)
{
    /// <summary>The words of a column that are states and have numbers, such as <c>ON</c> and <c>OFF</c>.</summary>
    public string[] States { get; private init; } = [];

    private const double Enough = 0.8, EnoughBesideNulls = 0.25, Mostly = 0.9;

    public bool IsEmpty => Texts.All(text => text.Length == 0);

    public bool IsConstant => Distinct == 1;

    /// <summary>Names repeat. A text that is new on nearly every line is none.</summary>
    public bool IsFew => Distinct * 2 <= Texts.Length || Texts.Length < 4;

    public static ColumnFacts Of(int index, string name, string[][] files, NumberGuess numbers, bool hasUnits)
    {
        string[] texts = [.. files.SelectMany(file => file)];
        string[] filled = [.. texts.Where(text => !NumberGuess.IsNullWord(text))];
        string[] states = StatesOf(name, filled, numbers);
        bool IsNumber(string text) => numbers.IsNumber(text) || (hasUnits && NumberGuess.HasUnit(text)) || NumberGuess.IsBeyond(text)
            || states.Contains(text);
        int count = filled.Count(IsNumber);
        string[] words = [.. filled.Where(text => !IsNumber(text)).Distinct()];
        // One or two words between numbers are how the device writes that it has no value. Words without a number are a state.
        bool areNulls = words.Length is 1 or 2
            && count >= EnoughBesideNulls * filled.Length
            && filled.Where(IsNumber).Distinct().Count() > 2;
        bool isNumeric = filled.Length > 0 && (count >= Enough * filled.Length || areNulls);
        return new ColumnFacts(
            index, name, texts, isNumeric, texts.Distinct().Count(), isNumeric && files.All(IsCount), isNumeric && areNulls ? words : [])
        {
            States = isNumeric ? states : [],
        };
    }

    /// <summary>
    /// Words of a column that are its values: those of states, in a column that is no quality by its name, and of both states unless there
    /// are numbers as well.
    /// </summary>
    private static string[] StatesOf(string name, string[] filled, NumberGuess numbers)
    {
        if (ColumnNames.IsQuality(name) && ColumnNames.Value(name) < 0) return [];
        string[] words = [.. filled.Where(text => NumberGuess.StateOf(text) is not null).Distinct()];
        if (words.Length == 0) return [];
        bool areBoth = words.Select(NumberGuess.StateOf).Distinct().Count() == 2;
        return areBoth || filled.Any(numbers.IsNumber) ? words : [];
    }

    private static bool IsCount(string[] texts)
    {
        double[] numbers = [.. texts.Where(text => text.Length > 0).Select(Cell.ToDouble)];
        // Lines may be missing, so a few steps may be longer.
        int ones = numbers.Zip(numbers.Skip(1)).Count(pair => pair.Second - pair.First == 1);
        return numbers.Length > 1
            && ones >= Mostly * (numbers.Length - 1)
            && numbers.Zip(numbers.Skip(1)).All(pair => pair.Second > pair.First);
    }
}

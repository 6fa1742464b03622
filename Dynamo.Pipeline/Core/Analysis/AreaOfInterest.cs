namespace Dynamo.Pipeline.Analysis;

/// <summary>What a pressure logger lost since a leak began.</summary>
/// <param name="Logger">The logger, and where it is.</param>
/// <param name="Drop">How much lower it is than before at equal demand. Any unit, the same for all.</param>
/// <param name="Sensitivity">
/// How much lower it gets when demand rises, in any unit that is the same for all loggers; <see cref="PressureDrops.Sensitivity"/>.
/// </param>
/// <param name="Node">The node of the pipe graph that it is at; <see langword="null"/>: the one that is nearest.</param>
public sealed record LoggerDrop(Place Logger, double Drop, double Sensitivity, string? Node = null);

/// <summary>Where the leak may be.</summary>
/// <param name="Place">A pipe and its middle, or a point of a grid.</param>
/// <param name="Length">The length of the pipe; of a point, 1.</param>
/// <param name="Probability">The probability that it is there.</param>
public sealed record RankedPlace(Place Place, double Length, double Probability);

/// <summary>
/// Where to look for a leak, from the pressures it takes away. No hydraulic model is needed, only where the loggers are, and at best which
/// pipes there are. Immutable.
/// </summary>
/// <remarks>
/// Each logger falls when water is drawn anywhere, some more than others. For every place c the drops d are fitted by least squares as
/// d = λ·s + a·exp(−D(c)/L) + e, with the loggers' sensitivity s, their distance D to c along pipes (or as the crow flies), and a ≥ 0; six
/// loggers or more get a constant as well, for what the source does. The misfit gives a likelihood, (|e|²/n + σ²)^(−ν√n/2), averaged over
/// ranges L of one, two and four spacings of the loggers. ν takes into account that neighbours err together, σ that the model is a rough
/// one; a tenth of the probability goes to the whole network alike. With these three numbers what is claimed is what happens in generated
/// towns. The shape is that of exponential kriging (N. Cressie, Statistics for Spatial Data, 1993) by distance along the network.
/// </remarks>
public sealed class AreaOfInterest
{
    /// <summary>The probability that the model is of no use at a place: then the leak is anywhere.</summary>
    private const double Doubt = 0.1;

    /// <summary>The area holds this probability, if it stays small.</summary>
    private const double Wanted = 0.95 * (1 - Doubt);

    /// <summary>How much the model errs at a logger, in parts of the median drop.</summary>
    private const double Roughness = 0.05;

    /// <summary>ν: errors of neighbours go together, so that n loggers tell as much as the root of their number, times this.</summary>
    private const double Dependence = 1.3;

    /// <summary>An area larger than this part of the network helps nobody.</summary>
    private const double Largest = 0.1;

    private static readonly double[] s_ranges = [1, 2, 4];

    private AreaOfInterest(IReadOnlyList<RankedPlace> ranking, int count)
    {
        Ranking = ranking;
        Places = [.. ranking.Take(count)];
        Probability = Places.Sum(place => place.Probability);
        Share = Places.Sum(place => place.Length) / ranking.Sum(place => place.Length);
    }

    /// <summary>All places, the likeliest for its length first.</summary>
    public IReadOnlyList<RankedPlace> Ranking { get; }

    /// <summary>The area: as many of them as hold 85 % of the probability, but at most a tenth of the network.</summary>
    public IReadOnlyList<RankedPlace> Places { get; }

    /// <summary>The probability that the leak is in the area.</summary>
    public double Probability { get; }

    /// <summary>The area's part of the network, 0 to 1.</summary>
    public double Share { get; }

    /// <summary>Ranks the pipes of a network.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="drops">Three loggers or more that are connected with it. A drop that is no number counts as not there.</param>
    /// <returns>The area; <see langword="null"/>: too few loggers.</returns>
    /// <exception cref="ArgumentException">A logger's node is not in the network.</exception>
    public static AreaOfInterest? Locate(PipeGraph graph, IReadOnlyList<LoggerDrop> drops)
    {
        ArgumentNullException.ThrowIfNull(graph);
        LoggerDrop[] known = Known(drops);
        double[][] distances = new double[known.Length][];
        for (int i = 0; i < known.Length; i++)
        {
            string node = known[i].Node ?? graph.Nearest(known[i].Logger.X, known[i].Logger.Y);
            if (!graph.Has(node)) throw new ArgumentException($"The node {node} of logger {known[i].Logger.Name} is not in the network.",
                nameof(drops));
            distances[i] = graph.Distances(node);
        }
        List<(Place Place, double Length, double[] Distances)> places = [];
        for (int p = 0; p < graph.Pipes.Count; p++)
        {
            double[] far = [.. distances.Select(all => all[p])];
            // Elsewhere than the loggers, nothing is known.
            if (!far.All(double.IsPositiveInfinity)) places.Add((graph.Middle(graph.Pipes[p]), graph.Pipes[p].Length, far));
        }
        return Rank(known, places);
    }

    /// <summary>Ranks the points of a grid around loggers, where nothing is known about pipes.</summary>
    /// <param name="drops">Three loggers or more. A drop that is no number counts as not there.</param>
    /// <returns>The area; <see langword="null"/>: too few loggers, or all at one place.</returns>
    public static AreaOfInterest? Locate(IReadOnlyList<LoggerDrop> drops)
    {
        const int Side = 40;
        LoggerDrop[] known = Known(drops);
        if (known.Length == 0) return null;
        double left = known.Min(d => d.Logger.X), right = known.Max(d => d.Logger.X);
        double low = known.Min(d => d.Logger.Y), high = known.Max(d => d.Logger.Y);
        double side = Math.Max(right - left, high - low) * 1.2;
        if (!(side > 0)) return null;
        List<(Place, double, double[])> places = [];
        for (int i = 0; i < Side * Side; i++)
        {
            double x = (left + right - side) / 2 + (i % Side + 0.5) * side / Side, y = (low + high - side) / 2
                + (i / Side + 0.5) * side / Side;
            double[] far = [.. known.Select(d => Math.Sqrt((d.Logger.X - x) * (d.Logger.X - x) + (d.Logger.Y - y) * (d.Logger.Y - y)))];
            places.Add((new Place($"{i % Side},{i / Side}", x, y), 1, far));
        }
        return Rank(known, places);
    }

    private static LoggerDrop[] Known(IReadOnlyList<LoggerDrop> drops)
    {
        ArgumentNullException.ThrowIfNull(drops);
        return [.. drops.Where(drop => double.IsFinite(drop.Drop) && double.IsFinite(drop.Sensitivity))];
    }

    private static AreaOfInterest? Rank(LoggerDrop[] drops, List<(Place Place, double Length, double[] Distances)> places)
    {
        int n = drops.Length;
        if (n < 3 || places.Count == 0) return null;
        double[] d = [.. drops.Select(drop => drop.Drop)], s = [.. drops.Select(drop => drop.Sensitivity)];
        double[] near = [.. places.Select(place => place.Distances.Min())];
        double spacing = Robust.Median([.. near]);
        double least = Robust.Median([.. d.Select(Math.Abs)]) * Roughness;
        if (!(spacing > 0) || !(least > 0)) return null;
        double[] logs = new double[places.Count * s_ranges.Length], shape = new double[n];
        for (int p = 0; p < places.Count; p++)
        {
            for (int r = 0; r < s_ranges.Length; r++)
            {
                for (int i = 0; i < n; i++) shape[i] = Math.Exp(-places[p].Distances[i] / (s_ranges[r] * spacing));
                double misfit = LeastSquares.SumOfSquares(d, s, shape, withConstant: n >= 6);
                logs[p * s_ranges.Length + r] = -Dependence * Math.Sqrt(n) / 2 * Math.Log(misfit / n + least * least);
            }
        }
        double best = logs.Max(), sum = 0;
        double[] weights = new double[places.Count];
        for (int p = 0; p < places.Count; p++)
        {
            for (int r = 0; r < s_ranges.Length; r++) weights[p] += Math.Exp(logs[p * s_ranges.Length + r] - best);
            sum += weights[p] * places[p].Length;
        }
        double all = places.Sum(place => place.Length);
        RankedPlace[] ranking = [.. places
            .Select((place, p) => (Density: weights[p], Place: new RankedPlace(place.Place, place.Length,
                ((1 - Doubt) * weights[p] / sum + Doubt / all) * place.Length)))
            .OrderByDescending(ranked => ranked.Density).ThenBy(ranked => ranked.Place.Place.Name, StringComparer.Ordinal)
            .Select(ranked => ranked.Place)];
        double most = Largest * ranking.Sum(place => place.Length), length = 0, probability = 0;
        int count = 0;
        while (count < ranking.Length && probability < Wanted && (count == 0 || length + ranking[count].Length <= most))
        {
            length += ranking[count].Length;
            probability += ranking[count++].Probability;
        }
        return new AreaOfInterest(ranking, count);
    }}

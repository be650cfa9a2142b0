using System.Globalization;

namespace Ddoq.Onnx.Teachers;

/// <summary>Whether a teacher agrees with the labels of a set it should know: the guard against a silently different class order.</summary>
public sealed class ClassOrderCheck
{
    // A teacher that knows the classes is far above this multiple of chance even on poor images.
    private const double SuspiciousMultiple = 2, MostSuspicious = 0.5, SuspiciousOfTwo = 0.6;
    private const string OverrideHint = "or take the teacher at its word: --class-check warn";
    private const int NamedPairs = 5;

    private ClassOrderCheck(int rows, int classCount, double top1, int[] permutation, double permutedTop1, string diagnosis)
    {
        RowCount = rows;
        ClassCount = classCount;
        Top1 = top1;
        TeacherClassOf = permutation;
        PermutedTop1 = permutedTop1;
        Diagnosis = diagnosis;
    }

    /// <summary>Rows judged (n).</summary>
    public int RowCount { get; }

    /// <summary>Classes (C).</summary>
    public int ClassCount { get; }

    /// <summary>Share of rows whose largest logit is their label's.</summary>
    public double Top1 { get; }

    /// <summary>Share a guess would reach, 1 / C.</summary>
    public double Chance => 1.0 / ClassCount;

    /// <summary>For each label, the teacher's class that matches it best when every class is used once.</summary>
    public IReadOnlyList<int> TeacherClassOf { get; }

    /// <summary>The share <see cref="Top1"/> would be under that matching.</summary>
    public double PermutedTop1 { get; }

    /// <summary>Share up to which a teacher is refused: twice chance, at most one half; 0.6 of two classes.</summary>
    public double Limit => LimitOf(ClassCount);

    /// <summary>Whether <see cref="Top1"/> is not above <see cref="Limit"/>.</summary>
    public bool IsNearChance { get; private init; }

    /// <summary>Whether <see cref="Top1"/> is above <see cref="Limit"/> by less than two standard errors: too few images to be sure.</summary>
    public bool IsUncertain { get; private init; }

    /// <summary>
    /// Whether at least two labels are each seen as one and the same other class by more than half of their rows, of which
    /// there are two or more, and that these rows are more than chance makes of similar classes: most likely classes were
    /// swapped, even where the top-1 is high over all.
    /// </summary>
    public bool HasBetterOrder { get; private init; }

    /// <summary>One sentence for the user.</summary>
    public string Diagnosis { get; }

    /// <summary>Compares logits with labels.</summary>
    /// <param name="logits">[n, C].</param>
    /// <param name="labels">n labels, 0-based.</param>
    /// <param name="classNames">The dataset's C class names in label order.</param>
    /// <param name="teacherClassNames">The teacher's, for the message; null when unknown.</param>
    /// <exception cref="DdoqException">Logits of another number of classes, a label out of range, or nothing to judge.</exception>
    public static ClassOrderCheck Evaluate(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, IReadOnlyList<string> classNames, IReadOnlyList<string>? teacherClassNames = null)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        int rows = labels.Length, classes = classNames.Count;
        if (rows == 0 || classes == 0)
            throw new DdoqException("the class order cannot be checked without rows and classes");
        if (logits.Length != (long)rows * classes)
            throw new DdoqException($"{logits.Length} logits for {rows} rows are {(double)logits.Length / rows:0.##} per row; the dataset has {classes} classes", "use a teacher that was trained on this dataset's classes");

        var confusion = new Dictionary<(int Label, int Predicted), int>();
        Count(logits, labels, classes, confusion);
        return Of(confusion, classNames, teacherClassNames);
    }

    /// <summary>Counts which class the teacher gives rows, for a check over more rows than are held at once.</summary>
    /// <param name="logits">[n, C].</param>
    /// <param name="labels">n labels, 0-based.</param>
    /// <param name="classes">C.</param>
    /// <param name="confusion">Rows of each label and each class that the teacher gives; added to.</param>
    /// <exception cref="DdoqException">A label is out of range.</exception>
    public static void Count(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, int classes, Dictionary<(int Label, int Predicted), int> confusion)
    {
        ArgumentNullException.ThrowIfNull(confusion);
        for (int row = 0; row < labels.Length; row++)
        {
            if ((uint)labels[row] >= (uint)classes)
                throw new DdoqException($"row {row} has label {labels[row]}; labels run from 0 to {classes - 1}");
            int predicted = System.Numerics.Tensors.TensorPrimitives.IndexOfMax(logits.Slice(row * classes, classes));
            confusion[(labels[row], predicted)] = confusion.GetValueOrDefault((labels[row], predicted)) + 1;
        }
    }

    /// <summary>Judges what <see cref="Count"/> counted.</summary>
    /// <param name="confusion">Rows of each label and each class that the teacher gives.</param>
    /// <param name="classNames">The dataset's C class names in label order.</param>
    /// <param name="teacherClassNames">The teacher's, for the message; null when unknown.</param>
    public static ClassOrderCheck Of(Dictionary<(int Label, int Predicted), int> confusion, IReadOnlyList<string> classNames, IReadOnlyList<string>? teacherClassNames = null)
    {
        ArgumentNullException.ThrowIfNull(confusion);
        ArgumentNullException.ThrowIfNull(classNames);
        int classes = classNames.Count, rows = confusion.Values.Sum(), right = confusion.Where(pair => pair.Key.Label == pair.Key.Predicted).Sum(pair => pair.Value);
        (int[] permutation, int matched) = Match(confusion, classes);
        double top1 = (double)right / rows, permuted = (double)matched / rows;

        double limit = LimitOf(classes);
        bool nearChance = classes > 1 && top1 <= limit, betterOrder = PrefersOtherClasses(confusion, permutation);
        bool uncertain = classes > 1 && !nearChance && top1 <= limit + (2 * Math.Sqrt(top1 * (1 - top1) / rows));
        return new ClassOrderCheck(rows, classes, top1, permutation, permuted, Describe(rows, top1, limit, permuted, nearChance, uncertain, betterOrder, permutation, classNames, teacherClassNames))
        {
            IsNearChance = nearChance,
            IsUncertain = uncertain,
            HasBetterOrder = betterOrder,
        };
    }

    /// <summary>Stops when the teacher is near chance, or sees labels as each other's classes.</summary>
    /// <exception cref="DdoqException"><see cref="IsNearChance"/> or <see cref="HasBetterOrder"/>.</exception>
    public void ThrowIfWrong()
    {
        if (HasBetterOrder)
            throw new DdoqException(Diagnosis, $"correct the order of id2label in the teacher's config.json, {OverrideHint}");
        if (IsNearChance)
            throw new DdoqException(Diagnosis, $"use a teacher of this dataset, look at the images: they may not show their class, {OverrideHint}");
    }

    private static double LimitOf(int classes) => classes == 2 ? SuspiciousOfTwo : Math.Min(MostSuspicious, SuspiciousMultiple / classes);

    // Greedy: the most frequent pairs first, ties by label, then by predicted class; labels left over keep their own
    // class when it is free. A suggestion in a message does not need the optimal assignment.
    private static (int[] Permutation, int Matched) Match(Dictionary<(int Label, int Predicted), int> confusion, int classes)
    {
        var permutation = new int[classes];
        Array.Fill(permutation, -1);
        var taken = new bool[classes];
        int matched = 0;
        foreach (KeyValuePair<(int Label, int Predicted), int> pair in confusion.OrderByDescending(p => p.Value).ThenBy(p => p.Key.Label).ThenBy(p => p.Key.Predicted))
        {
            if (permutation[pair.Key.Label] >= 0 || taken[pair.Key.Predicted])
                continue;
            permutation[pair.Key.Label] = pair.Key.Predicted;
            taken[pair.Key.Predicted] = true;
            matched += pair.Value;
        }

        for (int label = 0; label < classes; label++)
        {
            if (permutation[label] < 0 && !taken[label])
            {
                permutation[label] = label;
                taken[label] = true;
            }
        }

        int free = 0;
        for (int label = 0; label < classes; label++)
        {
            if (permutation[label] >= 0)
                continue;
            while (taken[free])
                free++;
            permutation[label] = free;
            taken[free] = true;
        }

        return (permutation, matched);
    }

    private static bool PrefersOtherClasses(Dictionary<(int Label, int Predicted), int> confusion, int[] permutation)
    {
        var rows = new int[permutation.Length];
        foreach (((int label, int _), int count) in confusion)
            rows[label] += count;
        int moved = 0, gained = 0, lost = 0;
        for (int label = 0; label < permutation.Length; label++)
        {
            int there = confusion.GetValueOrDefault((label, permutation[label]));
            if (permutation[label] == label || rows[label] < 2 || 2 * there <= rows[label])
                continue;
            moved++;
            gained += there;
            lost += confusion.GetValueOrDefault((label, label));
        }

        // Of a few images of two similar classes most may be mistaken by chance: the sign test at two standard errors.
        return moved >= 2 && gained - lost >= 2 * Math.Sqrt(gained + lost);
    }

    private static string Describe(
        int rows, double top1, double limit, double permuted, bool nearChance, bool uncertain, bool betterOrder, int[] permutation, IReadOnlyList<string> classNames, IReadOnlyList<string>? teacherClassNames)
    {
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"the teacher gives {Math.Round(top1 * rows)} of {rows} labelled images their class, {100 * top1:0.0} % ({100.0 / permutation.Length:0.0##} % is chance, up to {100 * limit:0.0##} % is refused)");
        if (!betterOrder)
        {
            return nearChance ? head + ": it does not recognise the images' classes, and no reordering of its classes helps"
                : uncertain ? head + ": near chance, and too few images to tell" : head;
        }

        var pairs = new List<string>();
        for (int label = 0; label < permutation.Length && pairs.Count < NamedPairs; label++)
        {
            if (permutation[label] != label)
                pairs.Add($"{label} '{classNames[label]}' is the teacher's {permutation[label]}{(teacherClassNames is null ? "" : $" '{teacherClassNames[permutation[label]]}'")}");
        }

        int moved = permutation.Where((teacher, label) => teacher != label).Count();
        return string.Create(CultureInfo.InvariantCulture, $"{head}, but {100 * permuted:0.0} % when its classes are reordered, so its class order differs: {string.Join(", ", pairs)}{(moved > pairs.Count ? $" and {moved - pairs.Count} more" : "")}");
    }
}

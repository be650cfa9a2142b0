namespace Ddoq.Training.Protocols;

/// <summary>
/// The ways in which papers train students on distilled images. A protocol moves accuracies by 10 to 20 points, so every
/// table must say which one it used; results of two protocols are never compared.
/// </summary>
public enum StudentProtocol
{
    /// <summary>
    /// <c>rded</c>: the teacher labels every augmented batch. RandomResizedCrop(0.5 to 1), flip, CutMix on every batch with
    /// the teacher labelling the mixed image, KL at temperature 20, AdamW (no decay of biases and norms), learning rate
    /// times 0.5 (1 + cos(pi e / 2E)), which ends at half. The shuffling of patches, which belongs to that method's own
    /// collages, is left out. Source: Sun et al., "On the diversity and realism of distilled dataset" (2024).
    /// </summary>
    Rded,

    /// <summary>
    /// <c>stored-soft</c>: this project's own, for when no teacher can be run: as <see cref="Rded"/>, but with the teacher's
    /// logits of the plain images; a CutMix image's target is the mixture of both images' targets by area.
    /// </summary>
    StoredSoft,

    /// <summary>
    /// <c>small-image</c>: hard labels, no augmentation, SGD 0.01 with momentum 0.9 and decay 5e-4, batch 256, 300 epochs,
    /// learning rate divided by 10 after half (the source also restarts the momentum there; here it goes on).
    /// Source: Zhao, Mopuri, Bilen, "Dataset condensation with gradient matching" (2021), as run on Fashion-MNIST.
    /// </summary>
    SmallImage,

    /// <summary>
    /// <c>small-image-dsa</c>: <see cref="SmallImage"/> with differentiable Siamese augmentation and 1,000 epochs.
    /// Source: Zhao, Bilen, "Dataset condensation with differentiable Siamese augmentation" (2021).
    /// </summary>
    SmallImageDsa,

    /// <summary>
    /// <c>minimax-hard</c>: hard labels, RandomResizedCrop(0.5 to 1), flip, colour jitter 0.4, lighting 0.1, CutMix on every
    /// batch with both labels' cross-entropies, SGD 0.01 with momentum 0.9 and decay 5e-4, times 0.2 at 2/3 and 5/6; the
    /// literature reports the best accuracy of the run. Source: Gu et al., "Efficient dataset distillation via minimax
    /// diffusion" (2024).
    /// </summary>
    MinimaxHard,

    /// <summary><c>igd-hard</c>: <see cref="MinimaxHard"/> with AdamW 1e-3 and decay 0.01. Source: Chen et al., influence-guided diffusion (2025).</summary>
    IgdHard,
}

/// <summary>The names by which command lines, configurations and tables call protocols.</summary>
public static class StudentProtocolNames
{
    private static readonly (StudentProtocol Protocol, string Name)[] Names =
    [
        (StudentProtocol.Rded, "rded"),
        (StudentProtocol.StoredSoft, "stored-soft"),
        (StudentProtocol.SmallImage, "small-image"),
        (StudentProtocol.SmallImageDsa, "small-image-dsa"),
        (StudentProtocol.MinimaxHard, "minimax-hard"),
        (StudentProtocol.IgdHard, "igd-hard"),
    ];

    /// <summary>All names, in the order of the protocols.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Names.Select(entry => entry.Name)];

    /// <summary>The name of a protocol, for example <c>rded</c>.</summary>
    /// <exception cref="UsageException">The value is no protocol.</exception>
    public static string ToName(this StudentProtocol protocol)
    {
        foreach ((StudentProtocol candidate, string name) in Names)
        {
            if (candidate == protocol)
                return name;
        }

        throw new UsageException($"there is no evaluation protocol {(int)protocol}");
    }

    /// <summary>The protocol of a name.</summary>
    /// <exception cref="UsageException">The name is unknown; the message lists the allowed ones.</exception>
    public static StudentProtocol Parse(string name)
    {
        foreach ((StudentProtocol protocol, string candidate) in Names)
        {
            if (candidate == name)
                return protocol;
        }

        throw new UsageException($"there is no evaluation protocol '{name}'; allowed are {string.Join(", ", All)}");
    }
}

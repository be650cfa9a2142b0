namespace Ddoq.Onnx.Schedulers;

/// <summary>The samplers of the reverse process.</summary>
public enum SchedulerKind
{
    /// <summary>DDIM (Song et al., 2021); deterministic at eta 0.</summary>
    Ddim,

    /// <summary>DPM-Solver++ of second order, multistep, midpoint (Lu et al., 2022).</summary>
    DpmSolverPlusPlus,

    /// <summary>Euler steps on the probability-flow ODE in sigma (Karras et al., 2022).</summary>
    Euler,

    /// <summary>PNDM without Runge-Kutta warm-up, that is PLMS (Liu et al., 2022): D4M's sampler.</summary>
    Pndm,

    /// <summary>Ancestral sampling on the respaced steps (Ho et al., 2020), with learned variance where the network predicts it.</summary>
    Ddpm,
}

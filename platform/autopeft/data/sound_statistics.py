"""What the sounds of a data set are like, in a few numbers: what a bridge may know before tuning.

Shapes: N clips, T frames, M mel bins.
"""

import numpy as np

from autopeft.data.features import Features

# A frame counts as loud or as background if it is among so many hundredths of its clip's frames.
LOUD, QUIET = 95, 10


def statistics(found: Features) -> dict[str, float]:
    """Return level, spread between loud and quiet frames, and the shape of the spectrum.

    ``level_db`` is the mean over all bins of the log-mel features (dB), ``contrast_db`` how far a
    clip's loud frames lie above its quiet ones (dB; what a signal-to-noise ratio leaves to see),
    ``centroid`` and ``bandwidth`` are mean and standard deviation of where the power lies over the
    mel bins (0 to 1), ``flatness_db`` is how far the mean of the dB values lies below the dB of
    the mean power of a clip's spectrum (0 is white). All are means over the clips.
    """
    mels_NTM = found.mels_NCTM[:, 0].astype(np.float64)
    power_NM = np.mean(10 ** (mels_NTM / 10), axis=1)
    bins_M = np.linspace(0, 1, power_NM.shape[1])
    share_NM = power_NM / power_NM.sum(axis=1, keepdims=True)
    centroid_N = share_NM @ bins_M
    bandwidth_N = np.sqrt(np.maximum(share_NM @ bins_M**2 - centroid_N**2, 0))
    frames_NT = 10 * np.log10(np.mean(10 ** (mels_NTM / 10), axis=2))
    loud_N, quiet_N = np.percentile(frames_NT, [LOUD, QUIET], axis=1)
    flatness_N = np.mean(10 * np.log10(power_NM), axis=1) - 10 * np.log10(power_NM.mean(axis=1))
    return {
        "level_db": float(mels_NTM.mean()),
        "contrast_db": float(np.mean(loud_N - quiet_N)),
        "centroid": float(centroid_N.mean()),
        "bandwidth": float(bandwidth_N.mean()),
        "flatness_db": float(flatness_N.mean()),
    }

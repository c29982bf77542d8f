"""Traffic data assimilation: a simulated town whose drivers and demand are fitted to detectors.

The case that the model bridge was invented for (AIST's aiaccel): the same simulation is fitted to
the measurements of one day after another. ``SUMO`` simulates; its microscopic mode is the target,
its mesoscopic mode, ten times cheaper, the proxy. Needs the extra ``traffic``.
"""

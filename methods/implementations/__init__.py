"""Methods as other libraries implement them: ``torchcam:NAME``, ``pytorch-grad-cam:NAME``, ``captum:NAME``, ...

One adapter per library. It finds the library's methods by introspection and runs them as their users do.
"""

from . import captum_methods, grad_cam_methods, torchcam_methods, xplique_methods, zennit_methods

__all__ = ["captum_methods", "grad_cam_methods", "torchcam_methods", "xplique_methods", "zennit_methods"]

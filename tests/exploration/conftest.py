"""One thread: on small surfaces more of them only wait for each other, and on shared machines for everyone."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

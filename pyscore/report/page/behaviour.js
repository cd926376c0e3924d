// behaviour

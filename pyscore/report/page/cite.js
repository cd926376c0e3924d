// cite
